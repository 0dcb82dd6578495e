const MOST_CHARS = 200;

/** A value as JSON for a text about it, cut where it is long. */
export function shortJson(value: unknown): string {
  const json = JSON.stringify(value);
  return json.length <= MOST_CHARS ? json : `${json.slice(0, MOST_CHARS)}…`;
}
