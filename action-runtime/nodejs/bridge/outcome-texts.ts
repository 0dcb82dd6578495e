/** OpenWhisk's texts for functions that fail. */

/** Precedes the text of the thrown value. */
export const THREW = 'An error has occurred: ';
export const NO_DICTIONARY = 'The action did not return a dictionary.';
/** The result has no JSON form, so that OpenWhisk's runtime would fail to write its answer. */
export const INTERNAL_ERROR = 'Internal error.';
/** The process ended while the function ran. */
export const EXITED = 'The action did not produce a valid response and exited unexpectedly.';
/** The process ended while the code was loaded. */
export const INIT_EXITED = 'The action did not initialize and exited unexpectedly.';
export const OUT_OF_MEMORY = 'The action exhausted its memory and was aborted.';

/** @param json The response; empty: there was none. */
export function invalidResponse(json: string): string {
  return `The action did not produce a valid JSON or JSON Array response${json === '' ? '.' : `: ${json}`}`;
}
