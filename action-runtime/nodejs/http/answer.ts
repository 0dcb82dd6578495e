/** A reply of /init or /run. */
export interface Answer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

export function failed(status: number, error: string): Answer {
  return { status, body: JSON.stringify({ error }) };
}
