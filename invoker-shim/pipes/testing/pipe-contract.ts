import { Environment } from '../../engine/values/environment.js';
import type { MeasuredDataSink } from '../../sink/index.js';
import type { Pipe, Token, TokenReceiver } from '../pipe.js';
import { PipeClosedError } from '../pipe-closed-error.js';

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

/** What the engine relies on in every adapter of `Pipe`. Call it at the top level of the adapter's test file. */
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

    /** Whatever a test did, nothing may be left of the values it sent. */
    afterEach(async () => {
      await pair.pipe.close();
      await pair.settled();
      const left = [pair.senderSink.metrics.values, pair.receiverSink.metrics.values];
      await pair.dispose();
      expect(left).toEqual([0, 0]);
    });

    function tokenOf(index: number): Token {
      const value = pair.senderSink.put(Buffer.from(`\0${index}`), 0);
      const activationId = '0123456789abcdef0123456789abcdef';
      return {
        activationId,
        port: index,
        tag: [index, 7],
        attempt: 1,
        from: 0,
        value,
        count: undefined,
        env: null,
        components: 1,
      };
    }

    async function sendAll(from: number, to: number): Promise<void> {
      for (let i = from; i < to; i++) if (!pair.pipe.send(tokenOf(i))) await pair.pipe.drained();
    }

    /** Collects what arrives, and releases it. */
    function collect(): number[] {
      const ports: number[] = [];
      receive = (token) => {
        ports.push(token.port);
        token.value?.release();
      };
      return ports;
    }

    it('delivers every token, in the order of sending, with all that it says', async () => {
      const tokens: unknown[] = [];
      receive = (token) => {
        const { value, ...rest } = token;
        tokens.push({ ...rest, value: pair.receiverSink.toJson(value!) });
        value!.release();
      };
      await sendAll(0, 100);
      await pair.settled();
      const expected = Array.from({ length: 100 }, (_, i) => {
        const token = tokenOf(i);
        token.value!.release();
        return { ...token, value: i };
      });
      expect(tokens).toEqual(expected);
    });

    it('carries count tokens, which have no value, and environments', async () => {
      const tokens: Token[] = [];
      receive = (token) => tokens.push(token);
      const sent: Token = { ...tokenOf(1), count: 3, env: Environment.of('[{"a":1}]', 1) };
      sent.value!.release();
      pair.pipe.send({ ...sent, value: undefined });
      await pair.settled();
      expect(tokens).toEqual([{ ...sent, value: undefined }]);
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

    it('delivers in order what is sent while a token is being received', async () => {
      const ports: number[] = [];
      let depth = 0;
      let deepest = 0;
      receive = (token) => {
        deepest = Math.max(deepest, ++depth);
        ports.push(token.port);
        token.value!.release();
        if (token.port < 1000) {
          pair.pipe.send(tokenOf(token.port * 2 + 1000));
          pair.pipe.send(tokenOf(token.port * 2 + 1001));
        }
        depth--;
      };
      await sendAll(0, 3);
      await pair.settled();
      expect(deepest).toBe(1);
      expect([...ports].sort((a, b) => a - b)).toEqual([0, 1, 2, 1000, 1001, 1002, 1003, 1004, 1005]);
      const produced = ports.filter((port) => port >= 1000);
      expect(produced).toEqual([...produced].sort((a, b) => a - b));
    });

    it('tells a sender that is faster than the receiver to wait, and goes on afterwards', async () => {
      const ports: number[] = [];
      let held = 0;
      let flooding = Promise.resolve();
      receive = (token) => {
        ports.push(token.port);
        token.value!.release();
        if (token.port === 0) flooding = flood();
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
      expect(ports).toEqual(Array.from({ length: FLOOD + 1 }, (_, i) => i));
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
      expect(ports).toEqual([0, 2, 3]);
      expect(errors.map((error) => (error as Error).message)).toEqual(['no']);
    });

    it('delivers on close what it has taken, or releases it', async () => {
      const ports: number[] = [];
      let closing = Promise.resolve();
      receive = (token) => {
        ports.push(token.port);
        token.value!.release();
        if (token.port !== 0) return;
        for (let i = 1; i <= 50; i++) pair.pipe.send(tokenOf(i));
        closing = pair.pipe.close();
      };
      pair.pipe.send(tokenOf(0));
      await pair.settled();
      await closing;
      expect(ports).toEqual(Array.from({ length: ports.length }, (_, i) => i));
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
