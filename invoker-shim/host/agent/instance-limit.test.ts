import type { Init } from '@dataflower/action-runtime/protocol';
import type { ActivationRecord } from '@dataflower/common/records';
import { MemoryRecords } from '@dataflower/common/records/testing';
import type { FunctionTarget, Paradigm } from '../host.js';
import { action, edges, functionTarget, graph, workflow } from '../../engine/testing/workflows.js';
import { testAgent } from '../testing/agent.js';

// A host with real containers whose functions emit more than they may.

const LIMIT = 5;

function functionOf(name: string, code: string): FunctionTarget {
  const target = functionTarget(name);
  const init: Init = {
    name,
    main: 'main',
    binary: false,
    kind: 'code',
    env: {},
    parameters: {},
    logLimitBytes: 1024,
    memoryMiB: 256,
  };
  return { ...target, spec: { ...target.spec, load: () => Promise.resolve({ init, code: Buffer.from(code) }) } };
}

const flow = graph(
  [action('split', { outputs: { part: 'FOREACH' } }), action('work'), action('merge', { inputs: { all: 'LIST' } })],
  edges('$USER.params -> split.in', 'split.part -> work.in', 'work.out -> merge.all', 'merge.out -> $USER.result'),
);

const splits = {
  'goes on for ever': 'async function main(p, context) { for (let i = 0; ; i++) await context.emit("part", { i }); }',
  'returns at once':
    'function main(p, context) { for (let i = 0; i < 9; i++) context.emit("part", { i }); return {}; }',
};

const cases = Object.entries(splits).flatMap(([what, code]) =>
  (['dataflow', 'controlflow'] as const).map((paradigm): [string, Paradigm, string] => [what, paradigm, code]),
);

test.each(cases)(
  'a function that emits too much and %s ends with the limit as its error (%s)',
  async (_what, paradigm, code) => {
    const records = new MemoryRecords();
    const host = testAgent({
      records,
      instanceLimit: LIMIT,
      containers: { maxContainers: 4, helloTimeoutMs: 60_000 },
    });
    try {
      const echo = 'function main(p) { return p; }';
      const target = workflow(flow, 'graph', {
        split: functionOf('split', code),
        work: functionOf('work', echo),
        merge: functionOf('merge', echo),
      });
      const answer = await new Promise<ActivationRecord>((resolve) => {
        const now = Date.now();
        const identity = { namespace: 'guest', subject: 'guest' };
        const message = { activationId: '0'.repeat(32), transactionId: 't', identity, receivedAt: now, received: now };
        host.start({ ...message, target, payload: Buffer.from('{}'), paradigm }, resolve);
      });
      const error = `The node "split" would start ${LIMIT + 1} instances, the limit is ${LIMIT}.`;
      expect(answer).toMatchObject({ status: 2, result: JSON.stringify({ error }) });
      expect(records.named('split')[0]).toMatchObject({ status: 2, result: JSON.stringify({ error }) });
    } finally {
      await host.close(5000);
    }
  },
);
