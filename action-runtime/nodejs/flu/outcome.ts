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

/** How a run ended, ready to be sent. */
export interface EncodedOutcome {
  readonly outcome: Outcome;
  readonly value: EncodedValue;
  /** True when nothing more may run in this process: where OpenWhisk's runtime refuses all further work. */
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

/** A rejected promise is data to OpenWhisk: its reason as the member `error`. */
export function rejected(reason: unknown): EncodedOutcome {
  let error: unknown;
  try {
    error = reason ? serializeError(reason) : {};
  } catch (cause) {
    error = (cause as Error | undefined)?.message;
  }
  return answered({ error });
}

/** Its JSON decides what becomes of an answer. */
function answered(value: unknown): EncodedOutcome {
  let encoded: EncodedValue;
  try {
    encoded = encodeValue(value, refuseHandedOver);
  } catch (error) {
    // A value that has no JSON form: the runtime fails while it writes its answer.
    console.error(printable(error));
    return developerError(INTERNAL_ERROR);
  }
  const { shape, segments } = encoded;
  if ((shape & Shape.ERROR) !== 0) return applicationError(encoded);
  const isValid = (shape & (Shape.OBJECT | Shape.ARRAY)) !== 0 || segments[0]![0] === ValueKind.BYTES;
  if (isValid) return { outcome: Outcome.OK, value: encoded, spent: false };
  return developerError(invalidResponse(encoded.absent === true ? '' : bytesOf(encoded).toString('utf8', 1)));
}

/** The invoker keeps nothing of an application error but its `error`. */
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

/** A synchronous throw stops OpenWhisk's runtime for good. */
export function threw(reason: unknown): EncodedOutcome {
  console.error(printable(reason));
  try {
    return developerError(`${THREW}${reason as string}`);
  } catch {
    // It has no text: the runtime fails while it writes its answer.
    return developerError(INTERNAL_ERROR);
  }
}
