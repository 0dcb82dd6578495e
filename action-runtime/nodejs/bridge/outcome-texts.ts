/** OpenWhisk's texts for a function that ended wrongly; what follows is the function's own. */
export const THREW = 'An error has occurred: ';
export const INVALID_RESPONSE = 'The action did not produce a valid JSON or JSON Array response: ';
export const NO_DICTIONARY = 'The action did not return a dictionary.';
/** The runtime itself failed while it wrote the answer: the value has no JSON form. */
export const INTERNAL_ERROR = 'Internal error.';
