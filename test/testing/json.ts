/** What a JSON text may hold. A test looks into it as it expects it to be, and fails where it is otherwise. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;
