import { readFileSync } from 'node:fs';

/**
 * A file in UTF-8, without the byte order mark that some editors put in front. `missing` stands for a file that is not there.
 * Throws an error that names the file: that of the file system does not when it is a directory.
 */
export function readText(file: string, { missing }: { readonly missing?: string } = {}): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && missing !== undefined) return missing;
    throw new Error(`${file} cannot be read (${problemOf(cause)}).`, { cause });
  }
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory, a file is needed',
  ENOTDIR: 'a part of its path is no directory',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
};

function problemOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return (error as Error).message;
  return code in MEANINGS ? `${code}: ${MEANINGS[code]!}` : code;
}
