import {
  type Init,
  type InitRest,
  type Slot,
  FLAG_END,
  FLAG_FOLLOWED,
  DefinitionParts,
  FrameType,
  Outcome,
  ProtocolError,
  decodeAmount,
  decodeIds,
  decodeInit,
  encodeFrame,
  encodeIds,
  encodeJsonFrame,
  encodeLog,
  encodeResult,
  encodeValue,
} from '../../protocol/index.js';
import { initFailure, initFailureLog } from '../bridge/init-failure.js';
import { ANSWERED } from '../bridge/cells.js';
import type { Code, FluConfig, FromFlu } from '../bridge/messages.js';
import { EXITED, INIT_EXITED, OUT_OF_MEMORY } from './failure-texts.js';
import { FileOffers } from './file-offers.js';
import type { FluLink } from './flu-link.js';
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
  readonly endMark: string | undefined;
}

export interface Shared {
  /** Where it connected to. */
  readonly address: string;
  readonly cells: SharedArrayBuffer;
}

/**
 * The DLU after its greeting: takes the agent's frames, keeps the FLU fed, and answers for it when it ends the process.
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
  #queue: RunQueue | undefined;
  #memoryMiB = 0;
  /** Of the last result that the FLU has handed to this thread. */
  #handedOver = 0;

  readonly #writer: FrameWriter;
  readonly #flu: FluLink;
  readonly #shared: Shared;
  readonly #welcome: Welcome;
  readonly #exit: () => void;

  constructor(writer: FrameWriter, flu: FluLink, shared: Shared, welcome: Welcome, exit: () => void) {
    this.#writer = writer;
    this.#flu = flu;
    this.#shared = shared;
    this.#welcome = welcome;
    this.#exit = exit;

    this.#cells = new Int32Array(shared.cells);
    this.#incoming = new IncomingStreams(writer);
    this.#outgoing = new OutgoingStreams(writer);
    this.#offers = new FileOffers(writer);
    this.#outbox = new Outbox(writer, this.#outgoing, welcome.files ? this.#offers : undefined);
    this.#heldWatch = new HeldWatch(this.#cells, () => writer.flushHeld());
    flu.listen((message) => this.#onMessage(message));
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
      case FrameType.GRANT: {
        this.#flu.post({ type: 'grant', bytes: decodeAmount(payload) });
        return;
      }
      case FrameType.INIT: {
        this.#init(payload);
        return;
      }
      case FrameType.DEFINE: {
        const definition = this.#definitions.add(flags, payload);
        if (definition === undefined) return;
        this.#ready().flush();
        this.#flu.post({ type: 'define', id, ...definition });
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
    this.#memoryMiB = init.memoryMiB;
    const slots = rest === undefined ? [code] : [code, rest];
    void this.#load(init, Promise.all(slots.map((slot) => readSlot(slot, this.#incoming))));
  }

  async #load(given: Init, reading: Promise<ArrayBuffer[]>): Promise<void> {
    let init = given;
    let code: Code;
    try {
      const [codeBytes, rest] = (await reading) as [ArrayBuffer, ArrayBuffer | undefined];
      if (rest !== undefined) init = { ...init, ...(JSON.parse(Buffer.from(rest).toString()) as InitRest) };
      if (init.api === true) init = await withApi(init, this.#shared.address);
      code = await prepareCode(Buffer.from(codeBytes), init.binary);
    } catch (error) {
      const logs = initFailureLog(error);
      this.#initialized({ type: 'ready', ok: false, error: initFailure(error), logs });
      return;
    }
    const config: FluConfig = {
      init,
      code,
      privateDirectory: privateDirectory(),
      emitWindowBytes: this.#welcome.emitWindowBytes,
      endMark: this.#welcome.endMark,
    };
    this.#flu.post({ type: 'load', config });
  }

  #onMessage(message: FromFlu): void {
    if (message.type === 'rest') {
      this.#writer.writeRest(message.bytes);
      this.#writer.settlePosted();
      return;
    }
    // Its run is answered already: later messages do not count.
    if (this.#state === 'ENDING') return;
    switch (message.type) {
      case 'frame': {
        const bytes = typeof message.bytes === 'string' ? Buffer.from(message.bytes, 'latin1') : message.bytes;
        if (bytes[4] === FrameType.RESULT) this.#handedOver = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
        this.#outbox.push(bytes);
        return;
      }
      case 'large': {
        if (message.port === undefined) this.#handedOver = message.invocationId;
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
      case 'exited': {
        if (this.#state === 'READY') this.#answerAndEnd(EXITED);
        else this.#initialized({ type: 'ready', ok: false, error: INIT_EXITED, logs: message.logs });
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
    // Without an action there is none that could be to blame.
    if (this.#state !== 'INITIALIZING') {
      this.#end();
      return;
    }
    for (const line of message.logs ?? []) this.#writer.write(encodeLog(line));
    if (message.ok) {
      this.#state = 'READY';
      this.#queue = new RunQueue(
        this.#flu,
        this.#cells,
        (slot: Slot) => readSlot(slot, this.#incoming),
        message.runChannel === true,
        (id) => this.#withdrawn([id]),
        () => this.#heldWatch.wake(),
      );
      const busy = (): boolean => !this.#queue!.idle;
      this.#memoryWatch = new MemoryWatch(this.#cells, busy, () => this.#stop(OUT_OF_MEMORY));
      this.#memoryWatch.calibrate(this.#memoryMiB);
    }
    const { ok, error, runChannel } = message;
    const said = { ok, ...(error !== undefined && { error }), ...(runChannel === true && { runChannel }) };
    this.#writer.write(encodeJsonFrame(FrameType.READY, 0, said));
    if (!message.ok) this.#end();
  }

  #withdraw(ids: readonly number[]): void {
    this.#withdrawn(this.#queue?.withdraw(ids) ?? []);
  }

  #withdrawn(ids: readonly number[]): void {
    this.#writer.write(encodeIds(FrameType.WITHDRAWN, ids));
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

  /** Answers for the invocation that runs, and ends the process. The FLU may be busy for ever: it is not asked. */
  #stop(text: string): void {
    if (this.#state === 'ENDING') return;
    this.#writer.seize();
    for (const message of this.#flu.unheard()) this.#onMessage(message);
    this.#answerAndEnd(text);
  }

  #answerAndEnd(text: string): void {
    if (this.#state === 'ENDING') return;
    this.#writer.flushHeld();
    const id = this.#queue!.running;
    const answered = id === Atomics.load(this.#cells, ANSWERED) >>> 0 || id === this.#handedOver;
    const runs = id !== 0 && !answered;
    if (runs) this.#outbox.pushOwn(developerError(id, text));
    this.#end(!runs);
  }

  #timeout(id: number): void {
    // It may be held up before its start, by its inputs or by what an earlier run left behind.
    if ((this.#queue?.withdraw([id]) ?? []).length > 0) {
      this.#end();
      return;
    }
    this.#whenRunning(id, () => {
      // The agent has its outcome; only what the function has said is still of interest.
      this.#flu.post({ type: 'stop' });
      setTimeout(() => this.#end(), STOP_GRACE_MS);
    });
  }

  #shutdown(): void {
    this.#queue?.flush();
    if (this.#queue === undefined || this.#queue.idle) this.#end();
    else this.#flu.post({ type: 'drain' });
  }

  /**
   * Sends what there is to send, then exits.
   *
   * @param atRest The function ended the process while none of its runs went on: what the agent has sent meanwhile has not
   *   started.
   */
  #end(atRest = false): void {
    if (this.#state === 'ENDING') return;
    this.#state = 'ENDING';
    this.#memoryWatch?.stop();
    this.#heldWatch.stop();
    this.#writer.seize();
    // The agent may give no credit, or not answer an offer.
    setTimeout(this.#exit, END_GRACE_MS);
    const sent = (): void => {
      if (atRest) this.#writer.write(encodeFrame(FrameType.WITHDRAWN, FLAG_END, 0));
      this.#writer.drained(this.#exit);
    };
    this.#outbox.empty(() => this.#outgoing.done(sent));
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
