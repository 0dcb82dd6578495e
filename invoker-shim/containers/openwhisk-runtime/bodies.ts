import { type Init, Outcome, Shape, decodeValue, encodeValue, shapeOf } from '@dataflower/action-runtime/protocol';
import { FailureText } from '../failures.js';

/** What `/run` is told beside the parameters, by OpenWhisk's names. */
export type Envelope = Readonly<Record<string, string>>;

/** A RUN as it is to be told to `/run`. */
export interface RunWords {
  /** Slot 0 is the input, the others what it refers to. */
  readonly slots: readonly Uint8Array[];
  /** Bound parameters, laid under an input that is a dictionary. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly envelope: Envelope;
}

/** The answer to `/run` as OpenWhisk's invoker judges it. */
export interface Judged {
  readonly outcome: Outcome;
  readonly shape: number;
  /** Encoded value. */
  readonly value: Uint8Array;
}

/** Most of an answer that an error quotes, in bytes: OpenWhisk's bound of what it reads (`whisk.activation.payload`). */
export const MAX_QUOTED_BYTES = 1024 * 1024;

/** The body of `POST /init`. No code, no member `code`: the image has the action in it. */
export function initBody(init: Init, code: Uint8Array, env: Envelope): Uint8Array {
  const { name, main, binary } = init;
  const text = Buffer.from(code.buffer, code.byteOffset, code.byteLength).toString(binary ? 'base64' : 'utf8');
  return Buffer.from(JSON.stringify({ value: { name, main, ...(text === '' ? {} : { code: text }), binary, env } }));
}

/**
 * The body of `POST /run`; byte strings are base64 text. OpenWhisk's runtimes take dictionaries and arrays only: any other
 * value comes as `{value}`, as Composer hands it on (CO-1).
 */
export function runBody({ slots, parameters, envelope }: RunWords): Uint8Array {
  const [first, ...rest] = slots.map((slot) => Buffer.from(slot.buffer, slot.byteOffset, slot.byteLength));
  const input = decodeValue(first!, [first!, ...rest], 'base64');
  let value: unknown;
  if (Array.isArray(input)) value = input;
  else if (typeof input === 'object') value = { ...parameters, ...input };
  else value = { value: input };
  return Buffer.from(JSON.stringify({ value, ...envelope }));
}

/** What becomes of an answer of `/run` that is here as a whole; `kindAndBody` begins with `ValueKind.JSON`. */
export function judgeRun(status: number, kindAndBody: Uint8Array): Judged {
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

/** The error of an `/init` that was not answered with 200. */
export function initError(body: Buffer): string {
  const answer = parse(body);
  if (typeof answer === 'object' && answer !== null && !Array.isArray(answer) && Object.hasOwn(answer, 'error')) {
    const { error } = answer as { error: unknown };
    return typeof error === 'string' ? error : JSON.stringify(error);
  }
  return FailureText.invalidInit(quoted(body));
}

export function failed(outcome: Outcome, error: unknown): Judged {
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
