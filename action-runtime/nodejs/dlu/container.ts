import { inspect } from 'node:util';
import {
  type Init,
  type InitRest,
  type Slot,
  FLAG_FOLLOWED,
  DefinitionParts,
  FrameType,
  MAX_INLINE_BYTES,
  Outcome,
  ProtocolError,
  decodeAmount,
  decodeIds,
  decodeInit,
  encodeIds,
  encodeJsonFrame,
  encodeLog,
  encodeResult,
  encodeValue,
} from '../../protocol/index.js';
import { initFailure, initFailureLog } from '../bridge/init-failure.js';
import type { Code, FluConfig, FromFlu, RunChannelAddress } from '../bridge/messages.js';
import { EXITED, INIT_EXITED, OUT_OF_MEMORY } from './failure-texts.js';
import { FileOffers } from './file-offers.js';
import type { FluEvents, FluExit, FluLink } from './flu-link.js';
import { FluThread } from './flu-thread.js';
import type { FrameWriter } from './frame-writer.js';
import { HeldWatch } from './held-watch.js';
import { IncomingStreams } from './incoming-streams.js';
import { readSlot } from './inputs.js';
import { MemoryWatch } from './memory-watch.js';
import { OutgoingStreams } from './outgoing-streams.js';
import { Outbox } from './outbox.js';
import { prepareCode } from './prepare-code.js';
import { privateDirectory } from './private-directory.js';
import { RunQueue } from './run-queue.js';

/** How long a FLU that may be blocked is given to hand in an unfinished log line, in milliseconds. */
const STOP_GRACE_MS = 50;
/** How long what is still to be sent may keep an ending container, in milliseconds. */
const END_GRACE_MS = 10_000;

/** What the agent has said. */
export interface Welcome {
  readonly emitWindowBytes: number;
  readonly files: boolean;
  /** Memory of the action to come; undefined: the FLU cannot be started before INIT says it. */
  readonly memoryMiB: number | undefined;
  readonly endMark: string | undefined;
}

export interface Shared {
  /** Where it connected to. */
  readonly address: string;
  readonly cells: SharedArrayBuffer;
  readonly held: SharedArrayBuffer;
  readonly fd: number;
  readonly runChannel?: RunChannelAddress;
}

/**
 * The DLU after its greeting: takes the agent's frames, keeps the FLU fed, and answers for it when it dies.
 *
 * States: WAITING (for INIT) → INITIALIZING → READY → ENDING. It ends on SHUTDOWN when idle, on TIMEOUT and CANCEL of
 * what runs, when the FLU is gone or spent, and always with everything sent that is not the agent's to refuse.
 */
export class Container {
  #state: 'WAITING' | 'INITIALIZING' | 'READY' | 'ENDING' = 'WAITING';
  readonly #cells: Int32Array;
  readonly #incoming: IncomingStreams;
  readonly #outgoing: OutgoingStreams;
  readonly #offers: FileOffers;
  readonly #outbox: Outbox;
  readonly #heldWatch: HeldWatch;
  readonly #definitions = new DefinitionParts();
  #memoryWatch: MemoryWatch | undefined;
  #flu: FluLink | undefined;
  #queue: RunQueue | undefined;
  #config: FluConfig | undefined;
  #generation = 0;
  /** Why the DLU itself ended the FLU. */
  #endedFor: string | undefined;

  constructor(
    private readonly writer: FrameWriter,
    private readonly shared: Shared,
    private readonly welcome: Welcome,
    private readonly exit: () => void,
  ) {
    this.#cells = new Int32Array(shared.cells);
    this.#incoming = new IncomingStreams(writer);
    this.#outgoing = new OutgoingStreams(writer);
    this.#offers = new FileOffers(writer);
    this.#outbox = new Outbox(writer, this.#outgoing, welcome.files ? this.#offers : undefined);
    this.#heldWatch = new HeldWatch(this.#cells, () => writer.flushHeld());
    if (welcome.memoryMiB !== undefined) this.#thread(welcome.memoryMiB);
  }

  onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    if (this.#state === 'ENDING' && type === FrameType.RUN) return;
    switch (type) {
      case FrameType.RUN:
        this.#ready().accept(flags, id, payload);
        this.#memoryWatch!.wake();
        return;
      case FrameType.DATA: {
        this.#incoming.data(id, flags, payload);
        return;
      }
      case FrameType.CREDIT: {
        this.#outgoing.credit(id, decodeAmount(payload));
        return;
      }
      case FrameType.RESET:
        if (!this.#incoming.reset(id, payload.toString())) this.#outgoing.reset(id);
        return;
      case FrameType.FILE: {
        this.#offers.answered(id, payload.toString(), (flags & FLAG_FOLLOWED) !== 0);
        return;
      }
      case FrameType.GRANT:
        return this.#flu?.post({ type: 'grant', bytes: decodeAmount(payload) });
      case FrameType.INIT: {
        this.#init(payload);
        return;
      }
      case FrameType.DEFINE: {
        const definition = this.#definitions.add(flags, payload);
        if (definition === undefined) return;
        this.#ready().flush();
        this.#flu!.post({ type: 'define', id, ...definition });
        return;
      }
      case FrameType.WITHDRAW: {
        this.#withdraw(decodeIds(payload));
        return;
      }
      case FrameType.CANCEL: {
        this.#cancel(id);
        return;
      }
      case FrameType.TIMEOUT: {
        this.#timeout(id);
        return;
      }
      case FrameType.SHUTDOWN: {
        this.#shutdown();
        return;
      }
      default:
        throw new ProtocolError('UNEXPECTED_FRAME', `type ${type} is not the agent's to send`);
    }
  }

  /** The bytes at hand are read. */
  onPause(): void {
    this.#queue?.flush();
  }

  #ready(): RunQueue {
    if (this.#state !== 'READY') throw new ProtocolError('UNEXPECTED_FRAME', `the container is ${this.#state}`);
    return this.#queue!;
  }

  #init(payload: Buffer): void {
    if (this.#state !== 'WAITING') throw new ProtocolError('UNEXPECTED_FRAME', 'INIT comes once');
    this.#state = 'INITIALIZING';
    const { init, code, rest } = decodeInit(payload);
    const slots = rest === undefined ? [code] : [code, rest];
    void this.#load(init, Promise.all(slots.map((slot) => readSlot(slot, this.#incoming))));
  }

  async #load(given: Init, reading: Promise<ArrayBuffer[]>): Promise<void> {
    let init = given;
    let code: Code;
    try {
      const [codeBytes, rest] = (await reading) as [ArrayBuffer, ArrayBuffer | undefined];
      if (rest !== undefined) init = { ...init, ...(JSON.parse(Buffer.from(rest).toString()) as InitRest) };
      if (init.api === true) init = await withApi(init, this.shared.address);
      code = await prepareCode(Buffer.from(codeBytes), init.binary);
    } catch (error) {
      const logs = initFailureLog(error);
      this.#initialized({ type: 'ready', ok: false, error: initFailure(error), logs });
      return;
    }
    this.#config = {
      init,
      code,
      privateDirectory: privateDirectory(),
      rules: 'flow',
      emitWindowBytes: this.welcome.emitWindowBytes,
      endMark: this.welcome.endMark,
    };
    const thread = this.#flu instanceof FluThread ? this.#flu : this.#thread(init.memoryMiB);
    thread.load({ config: this.#config, env: init.env });
  }

  /** Starts the thread of the FLU, which takes as long as everything else up to READY. */
  #thread(memoryMiB: number): FluThread {
    const thread = new FluThread(memoryMiB, this.shared, this.#events());
    this.#flu = thread;
    return thread;
  }

  /** What a FLU has to say counts as long as it has not been replaced. */
  #events(): FluEvents {
    const generation = ++this.#generation;
    return {
      onMessage: (message) => {
        if (generation === this.#generation) this.#onMessage(message);
      },
      onExit: (exit) => {
        if (generation === this.#generation) this.#onExit(exit);
      },
    };
  }

  #onMessage(message: FromFlu): void {
    switch (message.type) {
      case 'frame': {
        this.#outbox.push(typeof message.bytes === 'string' ? Buffer.from(message.bytes, 'latin1') : message.bytes);
        return;
      }
      case 'rest':
        this.writer.writeRest(message.bytes);
        {
          this.writer.settlePosted();
          return;
        }
      case 'large': {
        this.#outbox.pushLarge(message);
        return;
      }
      case 'ready': {
        this.#initialized(message);
        return;
      }
      case 'watch': {
        this.#memoryWatch?.wake();
        this.#heldWatch.wake();
        return;
      }
      case 'spent':
      case 'idle':
      case 'stopped': {
        this.#end();
        return;
      }
    }
  }

  #initialized(message: FromFlu & { type: 'ready' }): void {
    if (this.#state !== 'INITIALIZING') return;
    if (message.needsProcess === true && this.#flu instanceof FluThread) {
      const thread = this.#flu;
      const config = this.#config!;
      // From now on what the thread says does not count.
      const events = this.#events();
      thread.terminate();
      void import('./flu-process.js').then(({ FluProcess }) => {
        this.#flu = new FluProcess(config, { ...process.env, ...config.init.env }, this.#cells, events);
      });
      return;
    }
    for (const line of message.logs ?? []) this.writer.write(encodeLog(line));
    if (message.ok) {
      const flu = this.#flu!;
      this.#state = 'READY';
      this.#queue = new RunQueue(
        flu,
        this.#cells,
        (slot: Slot) => readSlot(slot, this.#incoming),
        message.runChannel === true,
        (id) => this.#withdrawn([id]),
        () => this.#heldWatch.wake(),
      );
      const busy = (): boolean => !this.#queue!.idle;
      this.#memoryWatch = new MemoryWatch(
        this.#cells,
        () => flu.residentBytes(),
        busy,
        () => this.#stop(OUT_OF_MEMORY),
      );
      this.#memoryWatch.calibrate(this.#config!.init.memoryMiB);
    }
    const { ok, error, runChannel } = message;
    const said = { ok, ...(error !== undefined && { error }), ...(runChannel === true && { runChannel }) };
    this.writer.write(encodeJsonFrame(FrameType.READY, 0, said));
    if (!message.ok) this.#end();
  }

  #withdraw(ids: readonly number[]): void {
    this.#withdrawn(this.#queue?.withdraw(ids) ?? []);
  }

  #withdrawn(ids: readonly number[]): void {
    this.writer.write(encodeIds(FrameType.WITHDRAWN, ids));
  }

  #cancel(id: number): void {
    const withdrawn = this.#queue?.withdraw([id]) ?? [];
    if (withdrawn.length > 0) this.#withdrawn(withdrawn);
    else this.#whenRunning(id, () => this.#stop(EXITED));
  }

  /** Acts on a run that was claimed, as soon as the result before it is out; not at all if it has ended. */
  #whenRunning(id: number, act: () => void): void {
    if (this.#queue?.running === id) act();
    else if (this.#queue?.isNext(id) === true) setTimeout(() => this.#whenRunning(id, act), 1);
  }

  /** Ends the FLU; its exit answers for the invocation that runs. */
  #stop(text: string): void {
    this.#endedFor ??= text;
    this.#flu?.terminate();
  }

  #timeout(id: number): void {
    // It may be held up before its start, by its inputs or by what an earlier run left behind.
    if ((this.#queue?.withdraw([id]) ?? []).length > 0) {
      this.#end();
      return;
    }
    this.#whenRunning(id, () => {
      // The agent has its outcome; only what the function has said is still of interest.
      this.#flu!.post({ type: 'stop' });
      setTimeout(() => this.#end(), STOP_GRACE_MS);
    });
  }

  #shutdown(): void {
    this.#queue?.flush();
    if (this.#queue === undefined || this.#queue.idle) this.#end();
    else this.#flu!.post({ type: 'drain' });
  }

  #onExit(exit: FluExit): void {
    if (this.#state === 'ENDING') return;
    if (this.#state === 'WAITING' || this.#config === undefined) {
      // There is no action yet that could be to blame.
      this.#end();
      return;
    }
    if (this.#state === 'INITIALIZING') {
      if (exit.error !== undefined) this.#initialized({ type: 'ready', ok: false, error: initFailure(exit.error) });
      else this.#initialized({ type: 'ready', ok: false, error: exit.outOfMemory ? OUT_OF_MEMORY : INIT_EXITED });
      return;
    }
    const invocationId = this.#queue!.running;
    this.writer.flushHeld();
    if (invocationId !== 0) {
      const text = exit.outOfMemory ? OUT_OF_MEMORY : (this.#endedFor ?? EXITED);
      if (exit.error !== undefined) this.#logUncaught(invocationId, exit.error);
      this.#outbox.pushOwn(developerError(invocationId, text));
    }
    this.#end();
  }

  /** What Node prints for an exception that nobody caught. */
  #logUncaught(invocationId: number, error: unknown): void {
    const text = error instanceof Error && error.stack !== undefined ? error.stack : `Uncaught ${inspect(error)}`;
    for (const line of text.slice(0, MAX_INLINE_BYTES).split('\n')) {
      this.#outbox.pushOwn(
        encodeLog({ invocationId, stream: 'stderr', time: Date.now(), text: line, truncated: false }),
      );
    }
  }

  /** Sends what there is to send, then exits. */
  #end(): void {
    if (this.#state === 'ENDING') return;
    this.#state = 'ENDING';
    this.#memoryWatch?.stop();
    this.#heldWatch.stop();
    this.writer.flushHeld();
    // The agent may give no credit, or not answer an offer.
    setTimeout(this.exit, END_GRACE_MS);
    this.#outbox.empty(() => this.#outgoing.done(() => this.writer.drained(this.exit)));
  }
}

/** The same with the API where it can be reached from here. */
async function withApi(init: Init, address: string): Promise<Init> {
  // Only who needs it loads it: a cold start pays for every module.
  const { listenForApi } = await import('./api-listener.js');
  return { ...init, env: { ...init.env, __OW_API_HOST: await listenForApi(address) } };
}

function developerError(invocationId: number, error: string): Buffer {
  const { segments, shape } = encodeValue({ error });
  const bytes = Buffer.concat(segments);
  return encodeResult({
    invocationId,
    outcome: Outcome.DEVELOPER_ERROR,
    shape,
    startedNext: 0,
    slots: [{ where: 'inline', bytes }],
    hasEnv: false,
    // The end of the streams, which comes with that of the process, is that of its output too.
    marked: true,
  });
}
