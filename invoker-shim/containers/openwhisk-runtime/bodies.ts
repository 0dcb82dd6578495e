import { type Init, Outcome, Shape, decodeValue, encodeValue, shapeOf } from '@dataflower/action-runtime/protocol';
import { FailureText } from '../failures.js';

/** The members of a `/run` request beside the parameters, by OpenWhisk's names. */
export type Envelope = Readonly<Record<string, string>>;

/** The contents of a `/run` request. */
export interface RunContents {
  /** Slot 0 is the input; its external items are in the others. */
  readonly slots: readonly Uint8Array[];
  /** Bound parameters, merged under an input that is a dictionary. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly envelope: Envelope;
}

/** The result of a `/run` request, by the rules of OpenWhisk's invoker. */
export interface RunResult {
  readonly outcome: Outcome;
  readonly shape: number;
  /** Encoded value. */
  readonly value: Uint8Array;
}

/** Longest part of an answer that an error quotes, in bytes: OpenWhisk's limit (`whisk.activation.payload`). */
export const MAX_QUOTED_BYTES = 1024 * 1024;

/** The body of `POST /init`. Without code there is no member `code`: the image contains the action. */
export function initBody(init: Init, code: Uint8Array, env: Envelope): Uint8Array {
  const { name, main, binary } = init;
  const text = Buffer.from(code.buffer, code.byteOffset, code.byteLength).toString(binary ? 'base64' : 'utf8');
  return Buffer.from(JSON.stringify({ value: { name, main, ...(text === '' ? {} : { code: text }), binary, env } }));
}

/**
 * The body of `POST /run`; byte strings are base64 text. OpenWhisk's runtimes take dictionaries and arrays only: any other
 * value is sent as `{value}`, as Composer does (CO-1).
 */
export function runBody({ slots, parameters, envelope }: RunContents): Uint8Array {
  const [first, ...rest] = slots.map((slot) => Buffer.from(slot.buffer, slot.byteOffset, slot.byteLength));
  const input = decodeValue(first!, [first!, ...rest], 'base64');
  let value: unknown;
  if (Array.isArray(input)) value = input;
  else if (typeof input === 'object') value = { ...parameters, ...input };
  else value = { value: input };
  return Buffer.from(JSON.stringify({ value, ...envelope }));
}

/** Judges a complete answer of `/run`. @param kindAndBody `ValueKind.JSON` and the body: together an encoded value. */
export function runResult(status: number, kindAndBody: Uint8Array): RunResult {
  const body = Buffer.from(kindAndBody.buffer, kindAndBody.byteOffset + 1, kindAndBody.byteLength - 1);
  const answer = parse(body);
  const isOk = status === 200;
  if (typeof answer === 'object' && answer !== null) {
    if (!Array.isArray(answer) && Object.hasOwn(answer, 'error')) {
      const { error } = answer as { error: unknown };
      return failed(isOk ? Outcome.APPLICATION_ERROR : Outcome.DEVELOPER_ERROR, error);
    }
    if (isOk) return { outcome: Outcome.OK, shape: shapeOf(answer), value: kindAndBody };
  }
  return failed(Outcome.DEVELOPER_ERROR, FailureText.invalidRun(quoted(body)));
}

/** The error of an `/init` whose status is not 200. */
export function initError(body: Buffer): string {
  const answer = parse(body);
  if (typeof answer === 'object' && answer !== null && !Array.isArray(answer) && Object.hasOwn(answer, 'error')) {
    const { error } = answer as { error: unknown };
    return typeof error === 'string' ? error : JSON.stringify(error);
  }
  return FailureText.invalidInit(quoted(body));
}

export function failed(outcome: Outcome, error: unknown): RunResult {
  const { segments, shape } = encodeValue({ error });
  return { outcome, shape: shape | Shape.ERROR, value: Buffer.concat(segments) };
}

export function quoted(body: Buffer): string {
  return body.toString('utf8', 0, MAX_QUOTED_BYTES);
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}
