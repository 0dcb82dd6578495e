import { inspect } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import {
  FrameType,
  HEADER_BYTES,
  type Init,
  MAX_INLINE_BYTES,
  type Slot,
  decodeLog,
  decodeResult,
  decodeValue,
  encodeRun,
  encodeValue,
  Outcome,
} from '../../protocol/index.js';
import { HELD_AREA_BYTES, Claim, claimCell, createCells } from '../bridge/cells.js';
import { initFailure, initFailureLog } from '../bridge/init-failure.js';
import type { FluConfig, FromFlu } from '../bridge/messages.js';
import { packRun } from '../bridge/packed-run.js';
import type { FluExit, FluLink } from '../dlu/flu-link.js';
import { FluProcess } from '../dlu/flu-process.js';
import { FluThread } from '../dlu/flu-thread.js';
import { prepareCode } from '../dlu/prepare-code.js';
import { privateDirectory } from '../dlu/private-directory.js';
import { THREW } from '../bridge/outcome-texts.js';
import { initEnvironment, runEnvironment } from './environment.js';
import { writeLine, writeMarkers } from './log-output.js';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

type Status = 'ready' | 'starting' | 'running' | 'stopped';

/** OpenWhisk's Node runtime: one action, one activation at a time (contract of /init and /run), over the same FLU. */
export class ActionService {
  #status: Status = 'ready';
  #initialized = false;
  readonly #cells = createCells();
  #flu: FluLink | undefined;
  #runs = 0;
  #onReady: ((message: FromFlu & { type: 'ready' }) => void) | undefined;
  #onResult: ((answer: Answer) => void) | undefined;

  async init(message: Record<string, unknown>): Promise<Answer> {
    if (this.#status !== 'ready' || this.#initialized) {
      const text = this.#initialized
        ? 'Cannot initialize the action more than once.'
        : `System not ready, status is ${this.#status}.`;
      return refused(text);
    }
    const value = (typeof message['value'] === 'object' && message['value'] !== null ? message['value'] : {}) as Record<
      string,
      unknown
    >;
    const { main, code, binary, env } = value;
    if (typeof main !== 'string' || main === '' || typeof code !== 'string' || code === '')
      return failed(403, 'Missing main/no code to execute.');
    this.#status = 'starting';
    const ready = await this.#load({ main, code, binary: binary === true, env: initEnvironment(env) });
    for (const line of ready.logs ?? []) writeLine(line.stream, line.text);
    if (!ready.ok) {
      this.#status = 'stopped';
      writeMarkers();
      return failed(502, ready.error ?? 'Initialization has failed.');
    }
    this.#status = 'ready';
    this.#initialized = true;
    return { status: 200, body: '{"OK":true}' };
  }

  async run(message: Record<string, unknown>): Promise<Answer> {
    if (this.#status !== 'ready' || !this.#initialized) {
      return refused(this.#initialized ? `System not ready, status is ${this.#status}.` : 'System not initialized.');
    }
    const input = message['value'] ?? {};
    if (typeof input !== 'object') {
      return refused(`Internal system error: the argument must be a dictionary but has type '${typeof input}'.`);
    }
    this.#status = 'running';
    this.#flu!.post({ type: 'environment', variables: runEnvironment(message) });
    const answer = new Promise<Answer>((resolve) => (this.#onResult = resolve));
    this.#post(input);
    const { status, body } = await answer;
    writeMarkers();
    return { status, body };
  }

  /** The FLU takes the run as it would from an agent; a large input travels beside its frame. */
  #post(input: object): void {
    Atomics.store(new Int32Array(this.#cells), claimCell(this.#runs), Claim.QUEUED);
    this.#runs = (this.#runs + 1) | 0;
    const { segments, size } = encodeValue(input);
    const bytes = Uint8Array.from(Buffer.concat(segments));
    const large = size > MAX_INLINE_BYTES;
    const slot: Slot = large
      ? { where: 'stream', streamId: 0, size }
      : { where: 'inline', bytes: Buffer.from(bytes.buffer) };
    const run = {
      invocationId: 1,
      activationId: Buffer.alloc(16),
      deadline: 0,
      definition: 0,
      transactionId: '',
      slots: [slot],
      hasEnv: false,
    };
    const packed = packRun(0, false, 1, encodeRun(run).subarray(HEADER_BYTES));
    this.#flu!.post(large ? { type: 'run', packed, buffers: [[0, bytes.buffer]] } : packed);
  }

  async #load(action: {
    main: string;
    code: string;
    binary: boolean;
    env: Record<string, string>;
  }): Promise<FromFlu & { type: 'ready' }> {
    const bytes = Buffer.from(action.code, action.binary ? 'base64' : 'utf8');
    let code;
    try {
      code = await prepareCode(bytes, action.binary);
    } catch (error) {
      return { type: 'ready', ok: false, error: initFailure(error), logs: initFailureLog(error) };
    }
    const memoryMiB = Math.floor(getHeapStatistics().heap_size_limit / 1024 / 1024);
    const init: Init = {
      name: action.env['__OW_ACTION_NAME'] ?? '',
      main: action.main,
      binary: action.binary,
      kind: 'code',
      env: action.env,
      parameters: {},
      logLimitBytes: Number.MAX_SAFE_INTEGER,
      memoryMiB,
    };
    const config: FluConfig = { init, code, privateDirectory: privateDirectory(), rules: 'http', emitWindowBytes: 0 };
    const events = {
      onMessage: (next: FromFlu) => this.#onMessage(next),
      onExit: (exit: FluExit) => this.#onExit(exit),
    };
    const ready = new Promise<FromFlu & { type: 'ready' }>((resolve) => (this.#onReady = resolve));
    const held = new SharedArrayBuffer(HELD_AREA_BYTES);
    const thread = new FluThread(
      memoryMiB,
      { cells: this.#cells, held, fd: -1 },
      { ...events, onExit: (exit) => this.#flu === thread && this.#onExit(exit) },
    );
    this.#flu = thread;
    thread.load({ config, env: action.env });
    const message = await ready;
    if (message.needsProcess !== true) return message;
    const again = new Promise<FromFlu & { type: 'ready' }>((resolve) => (this.#onReady = resolve));
    this.#flu = new FluProcess(config, { ...process.env, ...action.env }, new Int32Array(this.#cells), events);
    thread.terminate();
    return again;
  }

  #onExit(exit: FluExit): void {
    // After a failed load there is nothing to keep the FLU; the server goes on refusing.
    if (this.#status !== 'stopped') exited(exit);
  }

  #onMessage(message: FromFlu): void {
    if (message.type === 'ready') {
      // Its thread may end before whoever waits for this message has seen it.
      if (!message.ok && message.needsProcess !== true) this.#status = 'stopped';
      this.#onReady!(message);
    }
    if (message.type === 'large') this.#resolve(message.outcome, Buffer.concat(message.value.segments));
    else if (message.type === 'frame')
      this.#onFrame(
        typeof message.bytes === 'string' ? Buffer.from(message.bytes, 'latin1') : Buffer.from(message.bytes),
      );
  }

  #onFrame(frame: Buffer): void {
    const payload = frame.subarray(HEADER_BYTES);
    if (frame[4] === FrameType.LOG) {
      const { stream, text } = decodeLog(0, 1, payload);
      writeLine(stream, text);
    } else if (frame[4] === FrameType.RESULT) {
      const { outcome, slots } = decodeResult(frame[5]!, 1, payload);
      const slot = slots[0]!;
      if (slot.where === 'inline') this.#resolve(outcome, slot.bytes);
    }
  }

  #resolve(outcome: number, value: Buffer): void {
    const result = decodeValue(value, [], 'base64');
    const failed = outcome === Outcome.DEVELOPER_ERROR;
    // A function that threw leaves OpenWhisk's runtime unusable; one that returned no dictionary does not.
    const threw = failed && (result as { error: string }).error.startsWith(THREW);
    this.#status = threw ? 'stopped' : 'ready';
    this.#onResult!({ status: failed ? 502 : 200, body: JSON.stringify(result) });
  }
}

function failed(status: number, error: string): Answer {
  return { status, body: JSON.stringify({ error }) };
}

function refused(error: string): Answer {
  writeLine('stderr', `Internal system error: ${error}`);
  return failed(403, error);
}

/** The function took its process with it, as it does where both are one: the caller's connection breaks. */
function exited({ error }: FluExit): void {
  if (error !== undefined)
    writeLine('stderr', error instanceof Error && error.stack !== undefined ? error.stack : inspect(error));
  process.exit(1);
}
