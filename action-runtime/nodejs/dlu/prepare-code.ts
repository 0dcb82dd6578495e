import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Code } from '../bridge/messages.js';
import { ArchiveError, isArchiveError } from './archive/errors.js';
import { privateDirectory } from './private-directory.js';

/**
 * Prepares an action's code for the FLU: unpacks an archive. Throws a string for an archive that is refused, because
 * OpenWhisk's runtime shows such an error without a stack.
 */
export async function prepareCode(code: Buffer, binary: boolean): Promise<Code> {
  if (code.length === 0) return { form: 'none' };
  if (!binary) return { form: 'text', text: code.toString() };
  const directory = join(privateDirectory(), 'code');
  mkdirSync(directory);
  try {
    await unpack(code, directory);
  } catch (error) {
    throw isArchiveError(error) ? error.message : error;
  }
  return { form: 'directory', path: directory };
}

/** First bytes of a zip archive; the second form has no entries. */
const ZIP = ['504b0304', '504b0506'];
const GZIP = '1f8b08';

async function unpack(code: Buffer, directory: string): Promise<void> {
  const magic = code.toString('hex', 0, 4);
  if (ZIP.includes(magic)) await (await import('./archive/zip.js')).unpackZip(code, directory);
  else if (magic.startsWith(GZIP)) await (await import('./archive/tar-gz.js')).unpackTarGz(code, directory);
  else throw new ArchiveError('The file type is unsupported');
}
