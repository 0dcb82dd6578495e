import { activationIdOf } from '@dataflower/common';
import type { MeasuredDataSink } from '../../sink/index.js';
import { jsonOf } from '../../sink/testing/json-of.js';
import { type Pipe, PipeClosedError, type Token, type TokenReceiver } from '../pipe.js';

/** A pipe to test, from the sending side to a receiver. */
export interface PipePair {
  readonly pipe: Pipe;
  /** The sinks of the sending and of the receiving host; the same one when the pipe stays on its host. */
  readonly senderSink: MeasuredDataSink;
  readonly receiverSink: MeasuredDataSink;
  /** Resolves when everything sent so far has been delivered, or its references released. */
  settled(): Promise<void>;
  /** Takes down what is left; called after `pipe.close`. */
  dispose(): Promise<void>;
}

/** Makes a pair; what the receiver throws is reported to `onError`. */
export type MakePipePair = (receiver: TokenReceiver, onError: (error: unknown) => void) => Promise<PipePair>;

const FLOOD = 20_000;
/** More tokens than any pipe holds before it is full. */
const BEYOND = 3000;

/** The promises of every adapter of `Pipe` on which the engine relies. Call it at the top level of the adapter's test file. */
export function pipeContract(name: string, makePair: MakePipePair): void {
  describe(`${name} keeps the contract of a pipe:`, () => {
    let pair: PipePair;
    let receive: TokenReceiver;
    let errors: unknown[];

    beforeEach(async () => {
      errors = [];
      receive = (token) => token.value?.release();
      pair = await makePair(
        (token) => receive(token),
        (error) => errors.push(error),
      );
    });

    /** After every test no value that it sent may be left. */
    afterEach(async () => {
      await pair.pipe.close();
      await pair.settled();
      const left = [pair.senderSink.metrics.values, pair.receiverSink.metrics.values];
      await pair.dispose();
      expect(left).toEqual([0, 0]);
    });

    function tokenOf(index: number): Token {
      const value = pair.senderSink.put(Buffer.from(`\0${index}`), 0);
      const activationId = activationIdOf('0123456789abcdef0123456789abcdef');
      const context = { env: null, components: 1, from: index };
      return { activationId, port: index, tag: [index, 7], value, count: undefined, context };
    }

    async function sendAll(from: number, to: number): Promise<void> {
      for (let i = from; i < to; i++) if (!pair.pipe.send(tokenOf(i))) await pair.pipe.drained();
    }

    /** Collects the ports of all tokens that come, and releases the values. `first`: called for each first delivery. */
    function collect(first: (token: Token) => void = () => undefined): number[] {
      const ports: number[] = [];
      receive = (token) => {
        const isFirst = !ports.includes(token.port);
        ports.push(token.port);
        token.value?.release();
        if (isFirst) first(token);
      };
      return ports;
    }

    /** Without duplicates (P2). */
    const firsts = (ports: readonly number[]): number[] => [...new Set(ports)];

    it('P1, P2: delivers every token, in the order of sending, with all its fields', async () => {
      const tokens = new Map<number, unknown>();
      receive = (token) => {
        const { value, ...rest } = token;
        if (!tokens.has(token.port)) tokens.set(token.port, { ...rest, value: jsonOf(value!) });
        value!.release();
      };
      await sendAll(0, 100);
      await pair.settled();
      const expected = Array.from({ length: 100 }, (_, i) => {
        const token = tokenOf(i);
        token.value!.release();
        return { ...token, value: i };
      });
      expect([...tokens.values()]).toEqual(expected);
    });

    it('carries count tokens, which have no value, and environments', async () => {
      const tokens: Token[] = [];
      receive = (token) => tokens.push(token);
      const context = { env: { text: '[{"a":1}]', depth: 1 }, components: 3, from: -1 };
      const activationId = activationIdOf('0123456789abcdef0123456789abcdef');
      const sent: Token = { activationId, port: 1, tag: [], value: undefined, count: 3, context };
      pair.pipe.send(sent);
      await pair.settled();
      expect(tokens[0]).toEqual(sent);
    });

    it('takes the same token twice', async () => {
      const ports = collect();
      const token = tokenOf(5);
      token.value!.retain();
      pair.pipe.send(token);
      pair.pipe.send(token);
      await pair.settled();
      expect(ports.filter((port) => port === 5).length).toBeGreaterThanOrEqual(2);
    });

    it('P3: delivers in order the tokens that are sent while a token is being received', async () => {
      let depth = 0;
      let deepest = 0;
      const ports = collect(({ port }) => {
        deepest = Math.max(deepest, ++depth);
        if (port < 1000) for (const next of [0, 1]) pair.pipe.send(tokenOf(port * 2 + 1000 + next));
        depth--;
      });
      await sendAll(0, 3);
      await pair.settled();
      expect(deepest).toBe(1);
      const found = firsts(ports);
      expect([...found].sort((a, b) => a - b)).toEqual([0, 1, 2, 1000, 1001, 1002, 1003, 1004, 1005]);
      const produced = found.filter((port) => port >= 1000);
      expect(produced).toEqual([...produced].sort((a, b) => a - b));
    });

    it('P4: tells a sender that is faster than the receiver to wait, and goes on afterwards', async () => {
      let next = 0;
      let held = 0;
      let flooding: Promise<void> | undefined;
      receive = (token) => {
        token.value!.release();
        // A duplicate has a lower number.
        if (token.port === next) next++;
        else expect(token.port).toBeLessThan(next);
        if (token.port === 0) flooding ??= flood();
      };
      // Begins inside the receiver, which is as slow as a consumer can be.
      async function flood(): Promise<void> {
        for (let i = 1; i <= FLOOD; i++) {
          if (pair.pipe.send(tokenOf(i))) continue;
          held++;
          await pair.pipe.drained();
        }
      }
      pair.pipe.send(tokenOf(0));
      await pair.settled();
      await flooding;
      await pair.settled();
      expect(held).toBeGreaterThan(0);
      expect(next).toBe(FLOOD + 1);
    });

    it('P4: takes tokens while it is full', async () => {
      let isFull = false;
      const ports = collect(({ port }) => {
        if (port !== 0) return;
        for (let i = 1; i <= BEYOND; i++) isFull = !pair.pipe.send(tokenOf(i));
      });
      pair.pipe.send(tokenOf(0));
      await pair.pipe.drained();
      await pair.settled();
      expect(isFull).toBe(true);
      expect(firsts(ports)).toEqual(Array.from({ length: BEYOND + 1 }, (_, i) => i));
    });

    it('reports what the receiver throws and delivers the rest', async () => {
      const ports: number[] = [];
      receive = (token) => {
        token.value!.release();
        if (token.port === 1) throw new Error('no');
        ports.push(token.port);
      };
      await sendAll(0, 4);
      await pair.settled();
      expect(firsts(ports)).toEqual([0, 2, 3]);
      expect([...new Set(errors.map((error) => (error as Error).message))]).toEqual(['no']);
    });

    it('delivers on close the tokens that it has taken, or releases them', async () => {
      let closing = Promise.resolve();
      const ports = collect(({ port }) => {
        if (port !== 0) return;
        for (let i = 1; i <= 50; i++) pair.pipe.send(tokenOf(i));
        closing = pair.pipe.close();
      });
      pair.pipe.send(tokenOf(0));
      await pair.settled();
      await closing;
      expect(firsts(ports)).toEqual(Array.from({ length: firsts(ports).length }, (_, i) => i));
    });

    it('refuses tokens after close with PipeClosedError, and leaves them to the sender', async () => {
      await pair.pipe.close();
      const token = tokenOf(0);
      expect(() => pair.pipe.send(token)).toThrow(PipeClosedError);
      token.value!.release();
    });

    it('can be closed twice, and is drained when it is idle', async () => {
      await pair.pipe.drained();
      await pair.pipe.close();
      await pair.pipe.close();
    });
  });
}
