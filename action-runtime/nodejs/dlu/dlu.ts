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
import { EXITED, INIT_EXITED, OUT_OF_MEMORY } from '../bridge/outcome-texts.js';
import type { Code, FluConfig, FromFlu } from '../bridge/messages.js';
import { FileOffers } from './file-offers.js';
import type { FluLink } from './flu-link.js';
import type { FrameWriter } from './frame-writer.js';
import { HeldWatch } from './held-watch.js';
import { IncomingStreams } from './incoming-streams.js';
import { MemoryWatch } from './memory-watch.js';
import { OutgoingStreams } from './outgoing-streams.js';
import { Outbox } from './outbox.js';
import { prepareCode } from './prepare-code.js';
import { privateDirectory } from './private-directory.js';
import { RunQueue } from './run-queue.js';

/** Time for the FLU, which may be blocked, to flush an unfinished log line, in milliseconds. */
const STOP_GRACE_MS = 50;
/** Longest time to send the remaining bytes of an ending container, in milliseconds. */
const END_GRACE_MS = 10_000;

/** Successors of each state. */
const TRANSITIONS = {
  /** For INIT. */
  WAITING: ['INITIALIZING', 'ENDING'],
  INITIALIZING: ['READY', 'ENDING'],
  READY: ['ENDING'],
  /** Sends the remaining bytes. */
  ENDING: [],
} as const;
type State = keyof typeof TRANSITIONS;

/** The agent's WELCOME. */
export interface Welcome {
  readonly emitWindowBytes: number;
  readonly files: boolean;
  readonly endMark: string | undefined;
}

/** The container that the DLU belongs to. */
export interface ContainerLink {
  /** Address to which the container connected. */
  readonly address: string;
  readonly cells: SharedArrayBuffer;
}

/**
 * The data logic unit after the handshake: handles the agent's frames, passes runs to the FLU, and answers for the FLU when
 * that ends the process.
 *
 * It ends on SHUTDOWN when idle, on TIMEOUT and CANCEL of the running invocation, and when the FLU is gone or spent. Before it
 * exits it sends everything that the agent accepts.
 */
export class Dlu {
  #state: State = 'WAITING';
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
  /** Invocation id of the last result that the FLU has posted to this thread. */
  #postedResult = 0;

  readonly #writer: FrameWriter;
  readonly #flu: FluLink;
  readonly #link: ContainerLink;
  readonly #welcome: Welcome;
  readonly #exit: () => void;

  constructor(writer: FrameWriter, flu: FluLink, link: ContainerLink, welcome: Welcome, exit: () => void) {
    this.#writer = writer;
    this.#flu = flu;
    this.#link = link;
    this.#welcome = welcome;
    this.#exit = exit;

    this.#cells = new Int32Array(link.cells);
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
      case FrameType.DATA:
        this.#incoming.data(id, flags, payload);
        return;
      case FrameType.CREDIT:
        this.#outgoing.credit(id, decodeAmount(payload));
        return;
      case FrameType.RESET:
        if (!this.#incoming.reset(id, payload.toString())) this.#outgoing.reset(id);
        return;
      case FrameType.FILE:
        this.#offers.answered(id, payload.toString(), (flags & FLAG_FOLLOWED) !== 0);
        return;
      case FrameType.GRANT:
        this.#flu.post({ type: 'grant', bytes: decodeAmount(payload) });
        return;
      case FrameType.INIT:
        this.#init(payload);
        return;
      case FrameType.DEFINE: {
        const definition = this.#definitions.add(flags, payload);
        if (definition === undefined) return;
        this.#ready().flush();
        this.#flu.post({ type: 'define', id, ...definition });
        return;
      }
      case FrameType.WITHDRAW:
        this.#withdraw(decodeIds(payload));
        return;
      case FrameType.CANCEL:
        this.#cancel(id);
        return;
      case FrameType.TIMEOUT:
        this.#timeout(id);
        return;
      case FrameType.SHUTDOWN:
        this.#shutdown();
        return;
      default:
        throw new ProtocolError('UNEXPECTED_FRAME', `the agent may not send a frame of type ${type}`);
    }
  }

  /** All frames of the bytes that were read have been handled. */
  onReadEnd(): void {
    this.#queue?.flush();
  }

  /** Changes the state; returns false when the present state does not allow it. */
  #enter(next: State): boolean {
    const successors: readonly State[] = TRANSITIONS[this.#state];
    if (!successors.includes(next)) return false;
    this.#state = next;
    return true;
  }

  #ready(): RunQueue {
    if (this.#state !== 'READY') throw new ProtocolError('UNEXPECTED_FRAME', `the container is ${this.#state}`);
    return this.#queue!;
  }

  #init(payload: Buffer): void {
    if (!this.#enter('INITIALIZING')) throw new ProtocolError('UNEXPECTED_FRAME', 'INIT may come only once');
    const { init, code, rest } = decodeInit(payload);
    this.#memoryMiB = init.memoryMiB;
    const slots = rest === undefined ? [code] : [code, rest];
    void this.#load(init, Promise.all(slots.map((slot) => this.#incoming.read(slot))));
  }

  async #load(given: Init, reading: Promise<ArrayBuffer[]>): Promise<void> {
    let init = given;
    let code: Code;
    try {
      const [codeBytes, rest] = (await reading) as [ArrayBuffer, ArrayBuffer | undefined];
      if (rest !== undefined) init = { ...init, ...(JSON.parse(Buffer.from(rest).toString()) as InitRest) };
      if (init.api === true) init = await withApi(init, this.#link.address);
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
    // The running invocation is answered: later messages do not count.
    if (this.#state === 'ENDING') return;
    switch (message.type) {
      case 'frame': {
        const bytes = typeof message.bytes === 'string' ? Buffer.from(message.bytes, 'latin1') : message.bytes;
        if (bytes[4] === FrameType.RESULT)
          this.#postedResult = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
        this.#outbox.push(bytes);
        return;
      }
      case 'large':
        if (message.port === undefined) this.#postedResult = message.invocationId;
        this.#outbox.pushLarge(message);
        return;
      case 'ready':
        this.#initialized(message);
        return;
      case 'watch':
        this.#memoryWatch?.wake();
        this.#heldWatch.wake();
        return;
      case 'exited':
        if (this.#state === 'READY') this.#answerAndEnd(EXITED);
        else this.#initialized({ type: 'ready', ok: false, error: INIT_EXITED, logs: message.logs });
        return;
      case 'spent':
      case 'idle':
      case 'stopped':
        this.#end();
    }
  }

  #initialized(message: FromFlu & { type: 'ready' }): void {
    // Before INIT the agent expects no READY.
    if (this.#state !== 'INITIALIZING') {
      this.#end();
      return;
    }
    for (const line of message.logs ?? []) this.#writer.write(encodeLog(line));
    if (message.ok) {
      this.#enter('READY');
      this.#queue = new RunQueue(
        this.#flu,
        this.#cells,
        (slot: Slot) => this.#incoming.read(slot),
        message.runChannel === true,
        (id) => this.#withdrawn([id]),
        () => this.#heldWatch.wake(),
      );
      const busy = (): boolean => !this.#queue!.idle;
      this.#memoryWatch = new MemoryWatch(this.#cells, busy, () => this.#stop(OUT_OF_MEMORY));
      this.#memoryWatch.calibrate(this.#memoryMiB);
    }
    const { ok, error, runChannel } = message;
    const ready = { ok, ...(error !== undefined && { error }), ...(runChannel === true && { runChannel }) };
    this.#writer.write(encodeJsonFrame(FrameType.READY, 0, ready));
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

  /** Calls `act` once the claimed run is running, that is when the result before it is sent; never if the run has ended. */
  #whenRunning(id: number, act: () => void): void {
    if (this.#queue?.running === id) act();
    else if (this.#queue?.isNext(id) === true) setTimeout(() => this.#whenRunning(id, act), 1);
  }

  /** Answers for the running invocation and ends the process, without the FLU, which may never return. */
  #stop(text: string): void {
    if (this.#state === 'ENDING') return;
    this.#writer.seize();
    for (const message of this.#flu.undelivered()) this.#onMessage(message);
    this.#answerAndEnd(text);
  }

  #answerAndEnd(text: string): void {
    if (this.#state === 'ENDING') return;
    this.#writer.flushHeld();
    const id = this.#queue!.running;
    const isAnswered = id === Atomics.load(this.#cells, ANSWERED) >>> 0 || id === this.#postedResult;
    const isRunning = id !== 0 && !isAnswered;
    if (isRunning) this.#outbox.pushOwn(developerError(id, text));
    this.#end(!isRunning);
  }

  #timeout(id: number): void {
    // Its inputs, or code of an earlier run, may have delayed its start.
    if ((this.#queue?.withdraw([id]) ?? []).length > 0) {
      this.#end();
      return;
    }
    this.#whenRunning(id, () => {
      // The agent knows the outcome; only the function's log is still of use.
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
   * Sends the remaining bytes, then exits.
   *
   * @param atRest True when the function ended the process while no run was in progress: runs that the agent has sent since
   *   have not started.
   */
  #end(atRest = false): void {
    if (!this.#enter('ENDING')) return;
    this.#memoryWatch?.stop();
    this.#heldWatch.stop();
    this.#writer.seize();
    // The agent may never give credit or answer an offer.
    setTimeout(this.#exit, END_GRACE_MS);
    const sent = (): void => {
      if (atRest) this.#writer.write(encodeFrame(FrameType.WITHDRAWN, FLAG_END, 0));
      this.#writer.drained(this.#exit);
    };
    this.#outbox.empty(() => this.#outgoing.done(sent));
  }
}

/** Returns `init` with an address of the API that is reachable in the container. */
async function withApi(init: Init, address: string): Promise<Init> {
  // Loaded only when it is needed: a cold start pays for every module.
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
    // The streams end with the process, which marks the end of the output.
    marked: true,
  });
}
