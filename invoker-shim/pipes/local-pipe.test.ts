import { setImmediate as nextTurn } from 'node:timers/promises';
import { activationIdOf } from '@dataflower/common';
import { createDataSink } from '../sink/index.js';
import { createLocalPipe } from './local-pipe.js';
import type { Token } from './pipe.js';
import { pipeContract } from './testing/pipe-contract.js';

pipeContract('the local pipe', (receiver, onError) => {
  const sink = createDataSink({ handoverDir: false });
  let sent = 0;
  const counted = (token: Token): void => {
    sent--;
    receiver(token);
  };
  const pipe = createLocalPipe(counted, { onError });
  const send = (token: Token): boolean => {
    const open = pipe.send.bind(pipe);
    sent++;
    try {
      return open(token);
    } catch (error) {
      sent--;
      throw error;
    }
  };
  return Promise.resolve({
    pipe: { send, drained: () => pipe.drained(), close: () => pipe.close() },
    senderSink: sink,
    receiverSink: sink,
    settled: async () => {
      while (sent > 0) await nextTurn();
    },
    dispose: () => sink.close(),
  });
});

describe('the local pipe', () => {
  const token = (port: number): Token => ({
    activationId: activationIdOf(''),
    port,
    tag: [],
    value: undefined,
    count: undefined,
    context: { env: null, components: 0, from: -1 },
  });

  it('delivers within the call of send', () => {
    const ports: number[] = [];
    createLocalPipe(({ port }) => ports.push(port)).send(token(4));
    expect(ports).toEqual([4]);
  });

  it('keeps its stack flat however long the chain of sends is', async () => {
    let delivered = 0;
    const pipe = createLocalPipe(({ port }) => {
      delivered++;
      if (port > 0) pipe.send(token(port - 1));
    });
    pipe.send(token(200_000));
    while (delivered <= 200_000) await nextTurn();
    expect(delivered).toBe(200_001);
  });

  it('lets the event loop turn while tokens make tokens, and keeps their order', async () => {
    const ports: number[] = [];
    const pipe = createLocalPipe(
      ({ port }) => {
        ports.push(port);
        // Each takes a moment, and is followed by two.
        const until = performance.now() + 0.05;
        while (performance.now() < until);
        for (const next of [2 * port + 1, 2 * port + 2]) if (next < 20_000) pipe.send(token(next));
      },
      { turnMs: 2 },
    );
    let turns = 0;
    const done = new Promise<void>((resolve) => {
      const turn = (): void => {
        turns++;
        if (ports.length === 20_000) resolve();
        else setTimeout(turn);
      };
      setTimeout(turn);
    });
    pipe.send(token(0));
    await done;
    expect(ports).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
    expect(turns).toBeGreaterThan(100);
  });

  it('takes what is sent between its turns behind what waits, and is drained when little waits', async () => {
    const ports: number[] = [];
    const pipe = createLocalPipe(
      ({ port }) => {
        ports.push(port);
        if (port === 0) for (let next = 1; next < 5000; next++) pipe.send(token(next));
      },
      { turnMs: 0, highWater: 100 },
    );
    expect(pipe.send(token(0))).toBe(false);
    expect(ports.length).toBeLessThan(100);
    expect(pipe.send(token(5000))).toBe(false);
    await pipe.drained();
    expect(ports.length).toBeGreaterThan(4900);
    expect(ports.length).toBeLessThan(5001);
    await pipe.close();
    expect(ports).toEqual(Array.from({ length: 5001 }, (_, i) => i));
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
