import { ProtocolError } from './errors.js';
import { FrameType, HEADER_BYTES, encodeFrame, writeHeader } from './frame.js';
import { PayloadReader, type Slot, slotBytes, writeSlot } from './slot.js';
import { SHAPE_BITS } from './shape.js';

/** Outcome of a run, as its container reports it; OpenWhisk's status codes 0–2. */
export const Outcome = { OK: 0, APPLICATION_ERROR: 1, DEVELOPER_ERROR: 2 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** In RUN and RESULT: the last slot is the `let` environment of a function step (JSON: an array of frames). */
export const FLAG_ENV = 1;
/** In DATA: the last chunk of its stream. */
export const FLAG_END = 4;

/** In FILE: the agent asks for FILLED frames, which report how far the file is filled. */
export const FLAG_FOLLOWED = 8;
/** In RUN: the agent asks for end marks from this run on. In RESULT: the end marks of this run are on both streams. */
export const FLAG_MARKED = 16;
/** In DEFINE: the JSON continues in the next DEFINE on this connection. */
export const FLAG_MORE = 64;

/** First frame on a connection, container to agent. */
export interface Hello {
  readonly version: number;
  /** The secret that the driver gave to the container. */
  readonly token: string;
  readonly runtime: { readonly name: string; readonly version: string };
  readonly pid: number;
}

/** First frame on a run channel, container to agent. */
export interface RunHello {
  readonly version: number;
  /** The key of WELCOME. */
  readonly runChannel: string;
}

/** The agent's answer to HELLO. */
export interface Welcome {
  readonly version: number;
  /** Bytes that the container may emit before the first GRANT. */
  readonly emitWindowBytes: number;
  /** True when OFFER may be used: large values then travel as files in a directory that both sides see. */
  readonly files: boolean;
  /** The key with which the container may open a run channel; absent: the agent offers none. */
  readonly runChannel?: string;
  /** Prefix of the end marks on the container's stdout and stderr; absent: no marks are written. */
  readonly endMark?: string;
}

/** The action of a container. Its code is the frame's slot; no code is an empty slot. */
export interface Init {
  readonly name: string;
  readonly main: string;
  readonly binary: boolean;
  /** `code`: an action; `steps`: a composition's own container, which runs only functions of a DEFINE. */
  readonly kind: 'code' | 'steps';
  /** Environment variables, `__OW_*` included. */
  readonly env: Readonly<Record<string, string>>;
  /** Bound parameters, merged under every input of a single port (shallow; the input wins). */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly logLimitBytes: number;
  /** Memory limit of the action, in MiB; beyond it a run ends with an out-of-memory error. */
  readonly memoryMiB: number;
  /** True when the API is reached through the agent: the runtime listens for it and sets `__OW_API_HOST` to its address. */
  readonly api?: boolean;
}

/** The members of an `Init` that may be large. */
export type InitRest = Pick<Init, 'env' | 'parameters'>;

/** READY, the answer to INIT. `error`: text of the developer error when it failed. */
export interface Ready {
  readonly ok: boolean;
  readonly error?: string;
  /** True when the run channel is open: it is used from now on. */
  readonly runChannel?: boolean;
}

/** One inline function of a composition. `path` is its place in the composition's tree, for error texts. */
export interface StepFunction {
  readonly path: string;
  readonly code: string;
}

/** DEFINE: how a node of a graph uses the container. RUN refers to it by its number; number 0 is never defined. */
export interface Definition {
  /** Output ports that the graph wires, beside `out`. */
  readonly outputs: readonly string[];
  /** True when the input is a record of several ports: bound parameters are then not merged. */
  readonly ports: boolean;
  /** For a function step: the functions, run one after the other. */
  readonly functions?: readonly StepFunction[];
}

export interface Run {
  readonly invocationId: number;
  /** 16 bytes; 32 hex digits in text. */
  readonly activationId: Buffer;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Number of a definition; 0: one input, and no output port but `out`. */
  readonly definition: number;
  readonly transactionId: string;
  /** Slot 0 is the input; further slots hold its EXTERNAL items; the last one is the environment if `hasEnv`. */
  readonly slots: readonly Slot[];
  readonly hasEnv: boolean;
  /** The agent asks for end marks. */
  readonly marked?: boolean;
}

export interface Result {
  readonly invocationId: number;
  readonly outcome: Outcome;
  readonly shape: number;
  /** Id of the queued run that starts now, or 0. */
  readonly startedNext: number;
  readonly slots: readonly Slot[];
  readonly hasEnv: boolean;
  /** Its end marks are on both streams. */
  readonly marked?: boolean;
}

export interface Emit {
  readonly invocationId: number;
  readonly port: string;
  readonly shape: number;
  readonly slot: Slot;
}

const RUN_FIXED = HEADER_BYTES + 16 + 8 + 2 + 1 + 2;
const RESULT_FIXED = HEADER_BYTES + 1 + 1 + 4 + 2;

type JsonBody = Hello | RunHello | Welcome | Definition | Ready;

/** A frame whose payload is one JSON object: HELLO, WELCOME, DEFINE, READY. */
export function encodeJsonFrame(type: FrameType, id: number, body: JsonBody): Buffer {
  return encodeFrame(type, 0, id, Buffer.from(JSON.stringify(body)));
}

/** The JSON object of such a frame. Its members are not checked here. */
export function decodeJsonObject(payload: Buffer): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(payload.toString());
  } catch (cause) {
    throw new ProtocolError('MALFORMED_PAYLOAD', 'the payload is not JSON', { cause });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ProtocolError('MALFORMED_PAYLOAD', 'the payload is not a JSON object');
  }
  return body as Record<string, unknown>;
}

/** INIT: JSON length (4), JSON, slot of the code; then, when the JSON has empty members of `InitRest`, the slot of their JSON. */
export function encodeInit(init: Init, code: Slot, rest?: Slot): Buffer {
  const json = Buffer.from(JSON.stringify(rest === undefined ? init : { ...init, env: {}, parameters: {} }));
  const slots = slotBytes(code) + (rest === undefined ? 0 : slotBytes(rest));
  const frame = Buffer.allocUnsafe(HEADER_BYTES + 4 + json.length + slots);
  writeHeader(frame, FrameType.INIT, 0, 0);
  const at = frame.writeUInt32BE(json.length, HEADER_BYTES);
  frame.set(json, at);
  const after = writeSlot(frame, at + json.length, code);
  if (rest !== undefined) writeSlot(frame, after, rest);
  return frame;
}

/** `rest`: slot of the members of `InitRest`; undefined: they are in `init`. */
export function decodeInit(payload: Buffer): { init: Init; code: Slot; rest: Slot | undefined } {
  const reader = new PayloadReader(payload);
  const init = decodeJsonObject(reader.raw(reader.u32())) as unknown as Init;
  const code = reader.slot();
  const rest = reader.left > 0 ? reader.slot() : undefined;
  reader.end();
  return { init, code, rest };
}

export function encodeRun(run: Run): Buffer {
  const transaction = Buffer.byteLength(run.transactionId);
  if (transaction > 255) throw new ProtocolError('MALFORMED_PAYLOAD', 'a transaction id is at most 255 bytes');
  let size = RUN_FIXED + transaction;
  for (const slot of run.slots) size += slotBytes(slot);
  const frame = Buffer.allocUnsafe(size);
  writeHeader(frame, FrameType.RUN, runFlags(run), run.invocationId);
  frame.set(run.activationId, HEADER_BYTES);
  let at = frame.writeDoubleBE(run.deadline, HEADER_BYTES + 16);
  at = frame.writeUInt16BE(run.definition, at);
  frame[at] = transaction;
  at += 1 + frame.write(run.transactionId, at + 1);
  return writeSlots(frame, at, run.slots);
}

export function decodeRun(flags: number, id: number, payload: Buffer): Run {
  const reader = new PayloadReader(payload);
  return {
    invocationId: id,
    activationId: reader.raw(16),
    deadline: reader.f64(),
    definition: reader.u16(),
    transactionId: reader.text(reader.u8()),
    slots: readSlots(reader),
    hasEnv: (flags & FLAG_ENV) !== 0,
    marked: (flags & FLAG_MARKED) !== 0,
  };
}

export function encodeResult(result: Result): Buffer {
  let size = RESULT_FIXED;
  for (const slot of result.slots) size += slotBytes(slot);
  const frame = Buffer.allocUnsafe(size);
  writeHeader(frame, FrameType.RESULT, runFlags(result), result.invocationId);
  frame[HEADER_BYTES] = result.outcome;
  frame[HEADER_BYTES + 1] = result.shape;
  const at = frame.writeUInt32BE(result.startedNext, HEADER_BYTES + 2);
  return writeSlots(frame, at, result.slots);
}

export function decodeResult(flags: number, id: number, payload: Buffer): Result {
  const reader = new PayloadReader(payload);
  const outcome = reader.u8();
  if (outcome > Outcome.DEVELOPER_ERROR) throw new ProtocolError('MALFORMED_PAYLOAD', `unknown outcome ${outcome}`);
  const shape = readShape(reader);
  const startedNext = reader.u32();
  const slots = readSlots(reader);
  const hasEnv = (flags & FLAG_ENV) !== 0;
  if (slots.length !== (hasEnv ? 2 : 1))
    throw new ProtocolError('MALFORMED_PAYLOAD', `a result of ${slots.length} slots`);
  const marked = (flags & FLAG_MARKED) !== 0;
  return { invocationId: id, outcome: outcome as Outcome, shape, startedNext, slots, hasEnv, marked };
}

export function encodeEmit(emit: Emit): Buffer {
  const name = Buffer.byteLength(emit.port);
  if (name > 255) throw new ProtocolError('MALFORMED_PAYLOAD', 'a port name is at most 255 bytes');
  const frame = Buffer.allocUnsafe(HEADER_BYTES + 2 + name + slotBytes(emit.slot));
  writeHeader(frame, FrameType.EMIT, 0, emit.invocationId);
  frame[HEADER_BYTES] = emit.shape;
  frame[HEADER_BYTES + 1] = name;
  frame.write(emit.port, HEADER_BYTES + 2);
  writeSlot(frame, HEADER_BYTES + 2 + name, emit.slot);
  return frame;
}

export function decodeEmit(id: number, payload: Buffer): Emit {
  const reader = new PayloadReader(payload);
  const shape = readShape(reader);
  const port = reader.text(reader.u8());
  const slot = reader.slot();
  reader.end();
  return { invocationId: id, port, shape, slot };
}

/** WITHDRAW (agent) and WITHDRAWN (container): invocation ids; the answer has those that had not started. */
export function encodeIds(
  type: typeof FrameType.WITHDRAW | typeof FrameType.WITHDRAWN,
  ids: readonly number[],
): Buffer {
  const payload = Buffer.allocUnsafe(4 * ids.length);
  ids.forEach((id, i) => payload.writeUInt32BE(id, 4 * i));
  return encodeFrame(type, 0, 0, payload);
}

export function decodeIds(payload: Buffer): number[] {
  if (payload.length % 4 !== 0) throw new ProtocolError('MALFORMED_PAYLOAD', 'a list of ids is cut');
  return Array.from({ length: payload.length / 4 }, (_, i) => payload.readUInt32BE(4 * i));
}

/**
 * Frames with a number of bytes: OFFER (size of the file that is asked for), FILLED (bytes that are in it), GRANT (additional
 * bytes that may be emitted), CREDIT (additional bytes that may be sent on stream `id`).
 */
export function encodeAmount(
  type: typeof FrameType.OFFER | typeof FrameType.FILLED | typeof FrameType.GRANT | typeof FrameType.CREDIT,
  id: number,
  bytes: number,
): Buffer {
  const payload = Buffer.allocUnsafe(8);
  payload.writeBigUInt64BE(BigInt(bytes));
  return encodeFrame(type, 0, id, payload);
}

export function decodeAmount(payload: Buffer): number {
  const reader = new PayloadReader(payload);
  const bytes = reader.u64();
  reader.end();
  return bytes;
}

/** Frames with a text: FILE (the path for offer `id`; empty: refused) and RESET (why stream `id` ends early). */
export function encodeText(
  type: typeof FrameType.FILE | typeof FrameType.RESET,
  id: number,
  text: string,
  flags = 0,
): Buffer {
  return encodeFrame(type, flags, id, Buffer.from(text));
}

function runFlags({ hasEnv, marked }: Pick<Run, 'hasEnv' | 'marked'>): number {
  return (hasEnv ? FLAG_ENV : 0) | (marked === true ? FLAG_MARKED : 0);
}

function writeSlots(frame: Buffer, at: number, slots: readonly Slot[]): Buffer {
  at = frame.writeUInt16BE(slots.length, at);
  for (const slot of slots) at = writeSlot(frame, at, slot);
  return frame;
}

function readSlots(reader: PayloadReader): Slot[] {
  const slots: Slot[] = [];
  for (let count = reader.u16(); count > 0; count--) slots.push(reader.slot());
  reader.end();
  return slots;
}

function readShape(reader: PayloadReader): number {
  const shape = reader.u8();
  if ((shape & ~SHAPE_BITS) !== 0) throw new ProtocolError('MALFORMED_PAYLOAD', 'unknown shape bits');
  return shape;
}
