/** The action came without any code. */
export class MissingCodeError extends Error {}

/** What OpenWhisk shows for a failed initialisation; a thrown string has no stack and is shown as it is. */
export function initFailure(error: unknown): string {
  if (error instanceof MissingCodeError) return 'Missing main/no code to execute.';
  const stack = typeof error === 'object' && error !== null ? (error as { stack?: unknown }).stack : undefined;
  return `Initialization has failed due to: ${typeof stack === 'string' && stack !== '' ? stack : String(error)}`;
}
