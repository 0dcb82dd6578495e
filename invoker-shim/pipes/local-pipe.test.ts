import { createDataSink } from '../sink/index.js';
import { createLocalPipe } from './local-pipe.js';
import type { Token } from './pipe.js';
import { pipeContract } from './pipe-contract.js';
import { TokenRing } from './token-ring.js';

pipeContract('the local pipe', (receiver, onError) => {
  const sink = createDataSink({ handoverDir: false });
  const pipe = createLocalPipe(receiver, { onError });
  return Promise.resolve({
    pipe,
    senderSink: sink,
    receiverSink: sink,
    settled: () => pipe.drained(),
    dispose: () => sink.close(),
  });
});

describe('the local pipe', () => {
  const token = (port: number): Token => ({
    activationId: '',
    port,
    tag: [],
    attempt: 1,
    from: 0,
    value: undefined,
    count: undefined,
    env: null,
    components: 0,
  });

  it('delivers within the call of send', () => {
    const ports: number[] = [];
    createLocalPipe(({ port }) => ports.push(port)).send(token(4));
    expect(ports).toEqual([4]);
  });

  it('keeps its stack flat however long the chain of sends is', () => {
    let delivered = 0;
    const pipe = createLocalPipe(({ port }) => {
      delivered++;
      if (port > 0) pipe.send(token(port - 1));
    });
    pipe.send(token(200_000));
    expect(delivered).toBe(200_001);
  });

  it('goes on when what the receiver throws cannot be reported', () => {
    const { emitWarning } = process;
    const warnings: unknown[] = [];
    process.emitWarning = (warning: string | Error) => void warnings.push(warning);
    const ports: number[] = [];
    const pipe = createLocalPipe(
      ({ port }) => {
        if (port === 0) throw new Error('receiver');
        ports.push(port);
      },
      {
        onError: () => {
          throw new Error('reporter');
        },
      },
    );
    pipe.send(token(0));
    pipe.send(token(1));
    expect(ports).toEqual([1]);
    process.emitWarning = emitWarning;
    expect(warnings).toEqual([expect.stringContaining('reporter')]);
  });
});

describe('the token ring', () => {
  it('is first in, first out over growth and wrapping', () => {
    const ring = new TokenRing();
    const expected: number[] = [];
    const found: number[] = [];
    let next = 0;
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < round % 23; i++) {
        ring.push({ port: next } as Token);
        expected.push(next++);
      }
      for (let i = 0; i < round % 19; i++) {
        const taken = ring.shift();
        if (taken !== undefined) found.push(taken.port);
      }
    }
    while (ring.length > 0) found.push(ring.shift()!.port);
    expect(found).toEqual(expected);
    expect(ring.shift()).toBeUndefined();
  });
});
