/** OpenWhisk's texts for a function that did not end by itself. */
export const EXITED = 'The action did not produce a valid response and exited unexpectedly.';
export const OUT_OF_MEMORY = 'The action exhausted its memory and was aborted.';
export const INIT_EXITED = 'The action did not initialize and exited unexpectedly.';
