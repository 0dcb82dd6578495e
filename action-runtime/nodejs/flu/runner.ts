import {
  FrameType,
  MAX_INLINE_BYTES,
  type Definition,
  type EncodedValue,
  type Run,
  type Slot,
  decodeRun,
  decodeValue,
  encodeFrame,
  encodeResult,
} from '../../protocol/index.js';
import type { FluConfig } from '../bridge/messages.js';
import { readHandOverSync } from '../bridge/hand-over-file.js';
import type { QueuedRun } from '../bridge/packed-run.js';
import type { Emitter } from './emitter.js';
import { runFunctions } from './function-step.js';
import { inputBytes, prepareHandOver, prepareResult } from './hand-over.js';
import type { ActionMain } from './load-action.js';
import type { LogLines } from './log-lines.js';
import { type EncodedOutcome, rejected, returned, threw } from './outcome.js';
import { createContext } from './run-context.js';
import type { RunEnvironment } from './run-environment.js';
import { decodeEnvironment, encodeEnvironment, refuseEnvironment } from './step-environment.js';
import type { Transport } from './transport.js';
import { WritePacing } from './write-pacing.js';

const UNDEFINED_DEFINITION: Definition = { outputs: [], ports: false };
/** Runs in a row after which the event loop continues with the action's own timers and sockets. */
const RUNS_PER_LOOP = 64;

/** Runs the action: one invocation at a time, in the order of the queue. */
export class Runner {
  readonly #definitions = new Map<number, Definition>();
  readonly #pacing: WritePacing;
  #busy = false;
  #spent = false;

  readonly #config: FluConfig;
  readonly #main: ActionMain | undefined;
  readonly #transport: Transport;
  readonly #emitter: Emitter;
  readonly #logs: LogLines;
  readonly #environment: RunEnvironment;
  /** Called when the queue has become empty. */
  readonly #onIdle: () => void;

  constructor(
    config: FluConfig,
    main: ActionMain | undefined,
    transport: Transport,
    emitter: Emitter,
    logs: LogLines,
    environment: RunEnvironment,
    onIdle: () => void,
  ) {
    this.#config = config;
    this.#main = main;
    this.#transport = transport;
    this.#emitter = emitter;
    this.#logs = logs;
    this.#environment = environment;
    this.#onIdle = onIdle;

    this.#pacing = new WritePacing(() => transport.flush());
  }

  get idle(): boolean {
    return !this.#busy;
  }

  define(id: number, definition: Definition): void {
    this.#definitions.set(id, definition);
  }

  /** Starts the next run if none is in progress; else the end of the present run does it. */
  wake(): void {
    if (!this.#busy && !this.#spent) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    let run = this.#transport.take();
    let announced = false;
    for (let runs = 1; run !== undefined && !this.#spent; runs++) {
      if (runs % RUNS_PER_LOOP === 0) await new Promise(setImmediate);
      const next: QueuedRun | undefined = await this.#execute(run, announced);
      announced = next !== undefined;
      run = next ?? this.#transport.take();
    }
    this.#busy = false;
    this.#transport.flush();
    this.#onIdle();
  }

  /** Executes one run and sends its result; returns the next run, which the result announces. */
  async #execute(queued: QueuedRun, announced: boolean): Promise<QueuedRun | undefined> {
    const { flags, behind, invocationId } = queued;
    const began = performance.now();
    this.#transport.running(invocationId);
    if (behind && !announced) this.#transport.send(encodeFrame(FrameType.STARTED, 0, invocationId), false);
    const run = decodeRun(flags, invocationId, queued.payload);
    const slots = slotBuffers(run, queued);
    if (run.marked === true) this.#logs.goRaw();
    this.#logs.begin(invocationId);
    const activationId = run.activationId.toString('hex');
    this.#environment.set(activationId, run.deadline, run.transactionId);
    const definition = this.#definitions.get(run.definition) ?? UNDEFINED_DEFINITION;
    const input = decodeValue(slots[0]!, slots);

    let outcome: EncodedOutcome;
    let env: Buffer | undefined;
    if (definition.functions !== undefined) {
      const frames = run.hasEnv ? decodeEnvironment(slots[slots.length - 1]!) : [];
      outcome = await runFunctions(definition.functions, input, frames);
      if (run.hasEnv) env = encodeEnvironment(frames);
      const refused = env === undefined ? undefined : refuseEnvironment(env);
      if (refused !== undefined) [outcome, env] = [refused, undefined];
    } else {
      const { context, close } = createContext(
        this.#emitter,
        { invocationId, activationId, deadline: run.deadline },
        definition.outputs,
      );
      outcome = await this.#call(this.#params(input, definition), context);
      close();
      if (this.#emitter.waiting) {
        // The function did not await its emits; the result follows them.
        this.#transport.flush();
        await this.#emitter.emptied();
      }
    }
    const marked = this.#logs.end();
    this.#spent = outcome.spent;
    const next = outcome.spent ? undefined : this.#transport.take();
    const hold = this.#pacing.mayHold(performance.now() - began, next !== undefined);
    this.#send(invocationId, outcome, env, { startedNext: next?.invocationId ?? 0, marked }, hold);
    this.#transport.running(next?.invocationId ?? 0);
    if (outcome.spent) this.#transport.spent();
    return next;
  }

  async #call(params: unknown, context: unknown): Promise<EncodedOutcome> {
    const main = this.#main;
    let result: unknown;
    try {
      // A plain call: the runner is not the function's `this`.
      result = main!(params, context);
    } catch (error) {
      return threw(error);
    }
    try {
      result = await result;
    } catch (error) {
      return rejected(error);
    }
    return returned(result);
  }

  /** Merges the bound parameters under the input if that is a dictionary or missing. */
  #params(input: unknown, definition: Definition): unknown {
    if (definition.ports || Array.isArray(input) || Buffer.isBuffer(input)) return input;
    if (typeof input !== 'object') return input;
    return { ...this.#config.init.parameters, ...input };
  }

  #send(
    invocationId: number,
    { outcome, value }: EncodedOutcome,
    env: Buffer | undefined,
    ending: { readonly startedNext: number; readonly marked: boolean },
    hold: boolean,
  ): void {
    if (value.size > MAX_INLINE_BYTES || (env !== undefined && env.length > MAX_INLINE_BYTES)) {
      this.#transport.sendLarge({
        type: 'large',
        invocationId,
        outcome,
        shape: value.shape,
        ...ending,
        value: prepareResult(value),
        ...(env !== undefined && { env: prepareHandOver({ segments: [env], size: env.length, shape: 0 }) }),
      });
      return;
    }
    const slots = [{ where: 'inline' as const, bytes: joined(value) }];
    if (env !== undefined) slots.push({ where: 'inline', bytes: env });
    const frame = encodeResult({
      invocationId,
      outcome,
      shape: value.shape,
      ...ending,
      slots,
      hasEnv: env !== undefined,
    });
    this.#transport.send(frame, hold);
  }
}

function joined(value: EncodedValue): Buffer {
  return value.segments.length === 1 ? (value.segments[0] as Buffer) : Buffer.concat(value.segments);
}

function slotBuffers(run: Run, queued: QueuedRun): Buffer[] {
  const buffers = queued.buffers === undefined ? undefined : new Map(queued.buffers);
  return run.slots.map((slot, i) => {
    if (slot.where === 'inline') return slot.bytes;
    return inputBytes(buffers?.get(i) ?? readUnread(slot));
  });
}

/** Reads a file that the DLU left to this thread because no run was in progress. */
function readUnread(slot: Slot): ArrayBuffer {
  if (slot.where !== 'file') throw new Error('an input has not been read');
  return readHandOverSync(slot.path, slot.size);
}
