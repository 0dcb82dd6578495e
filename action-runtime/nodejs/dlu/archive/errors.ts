/** Characters of a name or a reason in an error text. */
const SHOWN = 300;

/** An archive that is refused: one sentence that says what of it, and why. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';

  constructor(sentence: string, options?: ErrorOptions) {
    super(`There was an error uncompressing the action archive. ${sentence}`, options);
  }

  /** About one entry. `what` is what follows its name, without a full stop. */
  static of(entry: string, what: string, options?: ErrorOptions): ArchiveError {
    return new ArchiveError(`The entry '${shown(entry)}' ${what}.`, options);
  }
}

/** By its name: in a bundle the class is there more than once. */
export function isArchiveError(error: unknown): error is ArchiveError {
  return error instanceof Error && error.name === 'ArchiveError';
}

/** An error about the archive as a whole. */
export function asArchiveError(error: unknown): ArchiveError {
  return error instanceof ArchiveError
    ? error
    : new ArchiveError(`It cannot be read: ${reasonOf(error)}.`, { cause: error });
}

/** Does the work on an entry. Rejects with an `ArchiveError` that names it. */
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

/** Texts of the file system and of the libraries name paths of the container, or are no part of a sentence. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return shown(message).replace(/\.$/, '');
  return REASONS[code] ?? (code.startsWith('Z_') ? 'its data are damaged' : code);
}

/** Names and texts of an archive may be long, and a terminal might obey them. */
function shown(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
  return plain.length > SHOWN ? `${plain.slice(0, SHOWN)}…` : plain;
}
