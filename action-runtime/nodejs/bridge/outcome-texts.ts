/** OpenWhisk's texts for a function that ended wrongly; what follows is the function's own. */
export const THREW = 'An error has occurred: ';
/** @param json The response; empty: there was none. */
export function invalidResponse(json: string): string {
  return `The action did not produce a valid JSON or JSON Array response${json === '' ? '.' : `: ${json}`}`;
}
export const NO_DICTIONARY = 'The action did not return a dictionary.';
/** The runtime itself failed while it wrote the answer: the value has no JSON form. */
export const INTERNAL_ERROR = 'Internal error.';
