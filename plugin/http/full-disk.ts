/** Error codes of a file system that takes no more, with texts for callers, who see no paths. */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOSPC', 'is full'],
  ['EDQUOT', 'has used up its quota'],
  ['EROFS', 'can only be read'],
]);
const MOST_CAUSES = 8;

/** Undefined for an error that no full disk has caused; else what the disk is: "is full". */
export function fullDiskReason(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < MOST_CAUSES; depth++) {
    const reason = REASONS.get((cause as NodeJS.ErrnoException).code);
    if (reason !== undefined) return reason;
    cause = cause.cause;
  }
  return undefined;
}
