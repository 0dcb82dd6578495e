import { silentLogger } from '@dataflower/common';
import type { FunctionRun } from '../executor.js';
import { Run, type RunHolder } from './run.js';

const holder: RunHolder = { cancel: () => undefined, withdraw: () => undefined };

describe('the state of a run', () => {
  let startedAt: number[];
  let run: Run;

  beforeEach(() => {
    startedAt = [];
    const request: Partial<FunctionRun> = { activationId: '0'.repeat(32), started: (at) => startedAt.push(at) };
    run = new Run(request as FunctionRun, 0);
  });

  const begin = (): void => run.begin(7, silentLogger);

  it('goes from waiting to its end in a container', () => {
    const states = [run.state];
    for (const step of [() => run.sent(holder, 1), begin, () => run.finishing(), () => run.end()]) {
      step();
      states.push(run.state);
    }
    expect(states).toEqual(['WAITING', 'SENT', 'STARTED', 'FINISHING', 'ENDED']);
    expect(startedAt).toEqual([7]);
  });

  it.each([
    ['before it starts', () => undefined],
    ['after its start was announced', begin],
  ])('goes back to waiting when its container has not started it: %s', (_, step) => {
    run.sent(holder, 1);
    run.coldStart = true;
    run.initMs = run.bootMs = 5;
    step();
    run.goBack();
    expect(run).toMatchObject({ state: 'WAITING', invocationId: 0, startedAt: 0, coldStart: false });
    expect([run.initMs, run.bootMs, run.holder]).toEqual([undefined, undefined, undefined]);
  });

  it('never starts without a container, runs twice or ends twice', () => {
    expect(begin).toThrow('a run cannot go from WAITING to STARTED');
    expect(startedAt).toEqual([]);
    run.sent(holder, 1);
    begin();
    run.finishing();
    expect(() => run.goBack()).toThrow('a run cannot go from FINISHING to WAITING');
    run.end();
    expect(() => run.end()).toThrow('a run cannot go from ENDED to ENDED');
  });
});
