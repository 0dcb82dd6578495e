/** Ends a switch over a union: a member without a case does not compile. Throws for a value that the types rule out. */
export function assertNever(value: never): never {
  throw new Error(`unexpected: ${String(value)}`);
}
