import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Code } from '../bridge/messages.js';
import { privateDirectory } from './private-directory.js';

/** Gets the code of an action ready for the FLU: an archive is unpacked. */
export async function prepareCode(code: Buffer, binary: boolean): Promise<Code> {
  if (code.length === 0) return { form: 'none' };
  if (!binary) return { form: 'text', text: code.toString() };
  const directory = join(privateDirectory(), 'code');
  mkdirSync(directory);
  const magic = code.toString('hex', 0, 4);
  if (magic === '504b0304') await (await import('./archive/zip.js')).unpackZip(code, directory);
  else if (magic.startsWith('1f8b08')) await (await import('./archive/tar-gz.js')).unpackTarGz(code, directory);
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- shown as it is, without a stack, as OpenWhisk's runtime does
  else throw 'There was an error uncompressing the action archive. The file type is unsupported';
  return { form: 'directory', path: directory };
}
