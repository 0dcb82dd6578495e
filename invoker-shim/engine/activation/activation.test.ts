import { activationIdOf } from '@dataflower/common';
import { createDataSink } from '../../sink/index.js';
import { compilePlan } from '../plan/compiler.js';
import { action, edges, graph, workflow } from '../testing/workflows.js';
import { Activation, type ActivationHome, type WorkState } from './activation.js';
import { BUDGET_LIMITS, Budget } from './budget.js';
import { WholeRun } from './whole-run.js';

const flow = graph([action('a')], edges('$USER.params -> a.in', 'a.out -> $USER.result'));
const states: readonly WorkState[] = ['RUNNING', 'CLOSING', 'DROPPING', 'STOPPING'];

test('the state of the work only goes forward', async () => {
  const sink = createDataSink({ handoverDir: false });
  for (const [i, from] of states.entries()) {
    for (const [j, to] of states.entries()) {
      const activation = new Activation(
        {
          id: activationIdOf('1'),
          transactionId: 'tid',
          identity: { namespace: 'guest', subject: 'guest' },
          sink,
          target: workflow(flow),
          plan: compilePlan(flow),
          parent: undefined,
          whole: new WholeRun(new Budget(BUDGET_LIMITS, () => undefined), sink),
          wallAhead: 0,
          received: 0,
          trace: '',
        },
        {} as ActivationHome,
      );
      activation.enter(from);
      expect(activation.enter(to)).toBe(j > i);
      expect(activation.state).toBe(states[Math.max(i, j)]);
      expect(activation.discarding).toBe(Math.max(i, j) >= 2);
    }
  }
  await sink.close();
});
