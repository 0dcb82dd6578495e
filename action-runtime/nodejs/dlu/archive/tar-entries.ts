import { ArchiveError } from './errors.js';
import { type ArchiveLimits, MAX_PATH_BYTES } from './limits.js';

/** An entry of a tar archive. Its content must be read before the next entry is requested, which skips it. */
export interface TarEntry {
  /** `device` includes pipes; `label` names the archive. An unknown type is a file, as POSIX requires. */
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'sparse' | 'device' | 'label';
  readonly name: string;
  /** The target of a link; else empty. */
  readonly target: string;
  readonly executable: boolean;
  readonly content: AsyncIterable<Buffer>;
}

/** Values of an extended header, which override those of the next header. */
interface Override {
  readonly name?: string;
  readonly target?: string;
  readonly size?: number;
  readonly sparse?: boolean;
}

const BLOCK = 512;
/** Largest extended header, in bytes: long names and, in pax, attributes that are ignored. */
const MAX_HEADER_BYTES = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '1': 'link',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'device',
  // Types of GNU tar.
  D: 'directory',
  S: 'sparse',
  V: 'label',
};
/** Types of extended headers: pax, Solaris tar, GNU tar. */
const EXTENDED = new Set(['g', 'x', 'X', 'K', 'L']);

/** Reads ustar and its predecessor (v7), with the long names of pax and GNU tar. Holds at most one chunk and one bounded header. */
export async function* tarEntries(source: AsyncIterable<Buffer>, limits: ArchiveLimits): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source[Symbol.asyncIterator](), limits);
  let global: Override = {};
  let next: Override = {};
  try {
    for (let block; (block = await bytes.block()) !== undefined;) {
      // Blocks of zeros end an archive, and may separate concatenated ones.
      if (block.every((byte) => byte === 0)) continue;
      checkSum(block);
      const flag = block.toString('latin1', 156, 157);
      const ownSize = numberIn(block, 124, 12);
      if (EXTENDED.has(flag)) {
        const text = await bytes.header(ownSize);
        if (flag === 'g') global = { ...global, ...paxOverride(text) };
        else if (flag === 'x' || flag === 'X') next = { ...next, ...paxOverride(text) };
        else next = { ...next, [flag === 'K' ? 'target' : 'name']: textIn(text, 0, text.length) };
        continue;
      }
      const { name, target, size, sparse } = { ...global, ...next };
      next = {};
      const type = typeOf(flag, name ?? nameIn(block), sparse === true);
      const content = new Content(bytes, hasContent(type, flag) ? (size ?? ownSize) : 0);
      yield {
        type,
        name: name ?? nameIn(block),
        target: target ?? textIn(block, 157, 100),
        executable: (modeIn(block) & 0o111) !== 0,
        content,
      };
      await content.skip();
    }
  } finally {
    await bytes.close();
  }
}

/** The content of one entry, with the padding of its last block. */
class Content implements AsyncIterable<Buffer> {
  #left: number;
  #padding: number;

  readonly #bytes: ByteReader;

  constructor(bytes: ByteReader, size: number) {
    this.#bytes = bytes;

    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const chunk = await this.#bytes.upTo(this.#left);
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async skip(): Promise<void> {
    this.#left += this.#padding;
    this.#padding = 0;
    while (this.#left > 0) this.#left -= (await this.#bytes.upTo(this.#left)).length;
  }
}

class ByteReader {
  #rest: Buffer = EMPTY;

  readonly #chunks: AsyncIterator<Buffer>;
  readonly #limits: ArchiveLimits;

  constructor(chunks: AsyncIterator<Buffer>, limits: ArchiveLimits) {
    this.#chunks = chunks;
    this.#limits = limits;
  }

  /** Undefined at the end. */
  async block(): Promise<Buffer | undefined> {
    return (await this.#fill()) ? this.#exactly(BLOCK) : undefined;
  }

  /** The bytes of an extended header. */
  async header(size: number): Promise<Buffer> {
    if (size > MAX_HEADER_BYTES) throw new ArchiveError(`It has a header of more than ${MAX_HEADER_BYTES} bytes.`);
    const padded = await this.#exactly(Math.ceil(size / BLOCK) * BLOCK);
    return padded.subarray(0, size);
  }

  /** At least one byte. */
  async upTo(count: number): Promise<Buffer> {
    if (!(await this.#fill())) throw new ArchiveError('It ends in the middle of an entry.');
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0; left -= parts.at(-1)!.length) parts.push(await this.upTo(left));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#limits.read(next.value.length);
      this.#rest = next.value;
    }
    return true;
  }
}

function typeOf(flag: string, name: string, sparse: boolean): TarEntry['type'] {
  const named = TYPES[flag] ?? (sparse ? 'sparse' : 'file');
  // Before ustar only a slash at the end of the name marked a directory.
  return named === 'file' && name.endsWith('/') ? 'directory' : named;
}

/** Links, directories and devices have no content, even if their header has a size; GNU's directories have a list. */
function hasContent(type: TarEntry['type'], flag: string): boolean {
  return flag === 'D' || (type !== 'directory' && !/[1-6]/.test(flag));
}

/** Parses records of the form `LENGTH KEY=VALUE\n`; unknown keys are ignored. */
function paxOverride(header: Buffer): Override {
  const override: { name?: string; target?: string; size?: number; sparse?: boolean } = {};
  for (let at = 0; at < header.length;) {
    const space = header.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(header.toString('latin1', at, Math.min(space, at + 20)));
    if (!(length > space - at && at + length <= header.length)) throw new ArchiveError('It has a broken pax header.');
    const record = header.subarray(space + 1, at + length - 1);
    const equals = record.indexOf(0x3d);
    const key = record.toString('latin1', 0, Math.min(equals, 20));
    if (key === 'path') override.name = textIn(record, equals + 1, record.length);
    if (key === 'linkpath') override.target = textIn(record, equals + 1, record.length);
    if (key === 'size') override.size = sizeOf(Number(record.toString('latin1', equals + 1)));
    if (key.startsWith('GNU.sparse.')) override.sparse = true;
    at += length;
  }
  return override;
}

/** A field as text. A field longer than any path is refused before it is decoded. */
function textIn(bytes: Buffer, from: number, length: number): string {
  const field = bytes.subarray(from, from + length);
  const end = field.indexOf(0);
  const text = end < 0 ? field : field.subarray(0, end);
  if (text.length > MAX_PATH_BYTES) throw new ArchiveError(`It has a name of more than ${MAX_PATH_BYTES} bytes.`);
  return text.toString();
}

function nameIn(block: Buffer): string {
  const name = textIn(block, 0, 100);
  // GNU's magic ends with a space; its headers have other data in place of the prefix.
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? textIn(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Verifies the sum of the bytes, which some old programs compute with signed bytes. */
function checkSum(block: Buffer): void {
  let sum = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : block[at]!;
    sum += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const expected = numberIn(block, 148, 8);
  if (expected !== sum && expected !== signed) throw new ArchiveError('It is not a tar archive, or is damaged.');
}

/** Permissions; 0 when the field is unreadable. */
function modeIn(block: Buffer): number {
  return Number.parseInt(textIn(block, 100, 8).trim(), 8) || 0;
}

/** A number in octal digits, or in GNU's binary form, which begins with 0x80. */
function numberIn(block: Buffer, from: number, length: number): number {
  if (block[from] === 0x80) return sizeOf(Number(block.readBigUInt64BE(from + length - 8)));
  const digits = textIn(block, from, length).trim();
  return sizeOf(digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN);
}

function sizeOf(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ArchiveError('It has a broken header.');
}
