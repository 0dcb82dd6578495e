import { INTERNAL_ERROR, NO_DICTIONARY, THREW } from '../bridge/outcome-texts.js';
import type { ActionMain } from '../flu/load-action.js';
import { serializeError } from '../flu/serialize-error.js';
import type { ActivationOutput } from './activation-output.js';

/** A reply of /init or /run. */
export interface Answer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

export function failed(status: number, error: string): Answer {
  return { status, body: JSON.stringify({ error }) };
}

/**
 * Calls the function and judges the result as OpenWhisk's Node.js runtime does (OW-75). The invoker judges the rest by
 * the JSON, in which a `Buffer` has its usual JSON form. Never rejects.
 */
export async function callAction(
  main: ActionMain,
  input: object,
  output: ActivationOutput,
): Promise<Answer & { readonly threw?: true }> {
  let result: unknown;
  try {
    result = main(input);
  } catch (error) {
    output.error(error);
    return { ...thrown(error), threw: true };
  }
  try {
    result = await result;
  } catch (reason) {
    return succeeded(() => ({ error: reason ? serializeError(reason) : {} }), output);
  }
  if (result === undefined) result = {};
  if (typeof result === 'object') return succeeded(() => result, output);
  output.error(`Result must be of type object but has type "${typeof result}":`, result);
  return failed(502, NO_DICTIONARY);
}

function thrown(error: unknown): Answer {
  try {
    return failed(502, `${THREW}${error as string}`);
  } catch {
    // The value has no text, so that OpenWhisk's runtime would fail to write its answer.
    return failed(500, INTERNAL_ERROR);
  }
}

function succeeded(value: () => unknown, output: ActivationOutput): Answer {
  try {
    // A result whose `toJSON` returns undefined has no JSON; the invoker refuses the empty answer.
    const body = JSON.stringify(value()) as string | undefined;
    return { status: 200, body: body ?? '' };
  } catch (error) {
    output.error(error);
    return failed(500, INTERNAL_ERROR);
  }
}
