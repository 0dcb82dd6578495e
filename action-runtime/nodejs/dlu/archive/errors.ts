/** Longest name or reason in an error text, in characters. */
const SHOWN = 300;

/** The archive of an action is refused. The message is one sentence about what is wrong with it. */
export class ArchiveError extends Error {
  static readonly codes = ['ARCHIVE_REFUSED'] as const;
  readonly code = 'ARCHIVE_REFUSED';
  override readonly name = 'ArchiveError';

  constructor(sentence: string, options?: ErrorOptions) {
    super(`There was an error uncompressing the action archive. ${sentence}`, options);
  }

  /** An error about one entry. @param what The predicate after its name, without a full stop. */
  static of(entry: string, what: string, options?: ErrorOptions): ArchiveError {
    return new ArchiveError(`The entry '${shown(entry)}' ${what}.`, options);
  }
}

/** True for an error of this class, also from another copy of it: a bundle has several. */
export function isArchiveError(error: unknown): error is ArchiveError {
  return error instanceof Error && (error as { code?: unknown }).code === 'ARCHIVE_REFUSED';
}

/** Converts any error into one about the archive as a whole. */
export function asArchiveError(error: unknown): ArchiveError {
  return error instanceof ArchiveError
    ? error
    : new ArchiveError(`It cannot be read: ${reasonOf(error)}.`, { cause: error });
}

/** Does the work on an entry. Rejects with an `ArchiveError` that names the entry. */
export async function inEntry(entry: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw ArchiveError.of(entry, `cannot be unpacked: ${reasonOf(error)}`, { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EDQUOT: 'there is no room for it',
  EEXIST: 'another entry is in its place',
  EISDIR: 'another entry is in its place',
  ENAMETOOLONG: 'its name is too long (ENAMETOOLONG)',
  ENOSPC: 'there is no room for it',
  ENOTDIR: 'another entry is in its place',
  ENOTEMPTY: 'another entry is in its place',
  Z_BUF_ERROR: 'its data end too early',
};

/** A reason as part of a sentence. Messages of the file system and of libraries contain paths of the container. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return shown(message).replace(/\.$/, '');
  return REASONS[code] ?? (code.startsWith('Z_') ? 'its data are damaged' : code);
}

/** Shortens a text of the archive and removes control characters, which a terminal might interpret. */
function shown(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
  return plain.length > SHOWN ? `${plain.slice(0, SHOWN)}…` : plain;
}
