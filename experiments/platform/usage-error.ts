/** Wrong arguments on the command line; the message says what to do. */
export class UsageError extends Error {}
