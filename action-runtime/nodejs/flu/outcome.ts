import {
  type EncodedValue,
  Outcome,
  Shape,
  ValueKind,
  bytesOf,
  decodeValue,
  encodeValue,
} from '../../protocol/index.js';
import { INTERNAL_ERROR, NO_DICTIONARY, THREW, invalidResponse } from '../bridge/outcome-texts.js';
import { printable } from '../bridge/user-stack.js';
import { refuseHandedOver } from './hand-over.js';
import { serializeError } from './serialize-error.js';

/** The outcome of a run, encoded. */
export interface EncodedOutcome {
  readonly outcome: Outcome;
  readonly value: EncodedValue;
  /** True when no further run may start in this process: OpenWhisk's runtime then refuses all work. */
  readonly spent: boolean;
}

function developerError(text: string): EncodedOutcome {
  return { outcome: Outcome.DEVELOPER_ERROR, value: encodeValue({ error: text }), spent: true };
}

/** The function's return value, judged as OpenWhisk's Node runtime and then its invoker would. */
export function returned(value: unknown): EncodedOutcome {
  if (value === undefined) return answered({});
  if (typeof value === 'object') return answered(value);
  console.error(`Result must be of type object but has type "${typeof value}":`, printable(value));
  return developerError(NO_DICTIONARY);
}

/** The outcome of a rejected promise, which is data to OpenWhisk: its reason is the member `error`. */
export function rejected(reason: unknown): EncodedOutcome {
  let error: unknown;
  try {
    error = reason ? serializeError(reason) : {};
  } catch (cause) {
    error = (cause as Error | undefined)?.message;
  }
  return answered({ error });
}

/** The outcome of an answer, which its JSON decides. */
function answered(value: unknown): EncodedOutcome {
  let encoded: EncodedValue;
  try {
    encoded = encodeValue(value, refuseHandedOver);
  } catch (error) {
    // The value has no JSON form, so that OpenWhisk's runtime would fail to write its answer.
    console.error(printable(error));
    return developerError(INTERNAL_ERROR);
  }
  const { shape, segments } = encoded;
  if ((shape & Shape.ERROR) !== 0) return applicationError(encoded);
  const isValid = (shape & (Shape.OBJECT | Shape.ARRAY)) !== 0 || segments[0]![0] === ValueKind.BYTES;
  if (isValid) return { outcome: Outcome.OK, value: encoded, spent: false };
  return developerError(invalidResponse(encoded.absent === true ? '' : bytesOf(encoded).toString('utf8', 1)));
}

/** An application error, of which the invoker keeps only the member `error`. */
function applicationError(encoded: EncodedValue): EncodedOutcome {
  return {
    outcome: Outcome.APPLICATION_ERROR,
    value: errorAlone(encoded),
    spent: false,
  };
}

/** A value that has a member `error`, without its other members. */
export function errorAlone(encoded: EncodedValue): EncodedValue {
  const value = decodeValue(bytesOf(encoded)) as { error: unknown };
  return Object.keys(value).length === 1 ? encoded : encodeValue({ error: value.error });
}

/** The outcome of a synchronous throw, which stops OpenWhisk's runtime for good. */
export function threw(reason: unknown): EncodedOutcome {
  console.error(printable(reason));
  try {
    return developerError(`${THREW}${reason as string}`);
  } catch {
    // The value has no text, so that OpenWhisk's runtime would fail to write its answer.
    return developerError(INTERNAL_ERROR);
  }
}
