import { type EncodedValue, Outcome, Shape, encodeValue } from '../../protocol/index.js';
import { INTERNAL_ERROR, INVALID_RESPONSE, NO_DICTIONARY, THREW } from '../bridge/outcome-texts.js';
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

/** What the function returned, judged as OpenWhisk's Node runtime and then its invoker would. */
export function returned(value: unknown, rules: 'flow' | 'http'): EncodedOutcome {
  if (value === undefined) value = {};
  if (typeof value !== 'object') {
    const printed = typeof value === 'symbol' ? value.toString() : value;
    console.error(`Result must be of type object but has type "${typeof value}":`, printed);
    return { ...developerError(NO_DICTIONARY), spent: rules === 'flow' };
  }
  let encoded: EncodedValue;
  try {
    encoded = encodeValue(value, refuseHandedOver);
  } catch (error) {
    // A value that has no JSON form: the runtime fails while it writes its answer.
    console.error(error);
    return { ...developerError(INTERNAL_ERROR), spent: rules === 'flow' };
  }
  if ((encoded.shape & Shape.ERROR) !== 0) return applicationError(value!, rules, encoded);
  const binary = value instanceof Uint8Array;
  if (!binary && (encoded.shape & (Shape.OBJECT | Shape.ARRAY)) === 0 && rules === 'flow') {
    return developerError(INVALID_RESPONSE + JSON.stringify(value));
  }
  return { outcome: Outcome.OK, value: encoded, spent: false };
}

/** The invoker keeps nothing of an application error but its `error`. */
function applicationError(value: object, rules: 'flow' | 'http', encoded: EncodedValue): EncodedOutcome {
  if (rules === 'http' || Object.keys(value).length === 1)
    return { outcome: Outcome.APPLICATION_ERROR, value: encoded, spent: false };
  const { error } = value as { error?: unknown };
  return { outcome: Outcome.APPLICATION_ERROR, value: encodeValue({ error }), spent: false };
}

/** A rejected promise is data to OpenWhisk: an application error with the reason as JSON. */
export function rejected(reason: unknown): EncodedOutcome {
  const error = reason ? serializeError(reason) : {};
  try {
    return { outcome: Outcome.APPLICATION_ERROR, value: encodeValue({ error }), spent: false };
  } catch (cause) {
    return { outcome: Outcome.APPLICATION_ERROR, value: encodeValue({ error: String(cause) }), spent: false };
  }
}

/** A synchronous throw stops OpenWhisk's runtime for good. */
export function threw(reason: unknown): EncodedOutcome {
  console.error(reason);
  return developerError(THREW + textOf(reason));
}

function textOf(reason: unknown): string {
  try {
    return String(reason);
  } catch {
    return 'the thrown value has no text';
  }
}
