/** A place in a record log: all frames before it, in segments by sequence and in each by offset. */
export interface LogPosition {
  readonly segment: number;
  /** Bytes from the beginning of the segment's file. */
  readonly offset: number;
}

export function isBefore(a: LogPosition, b: LogPosition): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}

/** The position in a text, if it is one. */
export function parsePosition(text: string): LogPosition | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { segment, offset } = parsed as Partial<Record<keyof LogPosition, unknown>>;
  return isCount(segment) && isCount(offset) ? { segment, offset } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
