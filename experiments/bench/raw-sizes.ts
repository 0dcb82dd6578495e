/** A message of the raw baselines: about what a small value takes with its frame. */
export const FRAME_BYTES = 200;

/** Every page of a large value begins with its number. */
export const PAGE_BYTES = 4096;
