import { ArchiveError, type ArchiveLimits, MAX_PATH_BYTES } from './limits.js';

/** An entry of a tar archive. Its content must be read before the next entry is asked for, or is skipped then. */
export interface TarEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'other';
  readonly name: string;
  /** Where a link leads; empty for anything else. */
  readonly target: string;
  readonly executable: boolean;
  readonly content: AsyncIterable<Buffer>;
}

/** Values of an extended header, which hold for the header behind it. */
interface Override {
  readonly name?: string;
  readonly target?: string;
  readonly size?: number;
}

const BLOCK = 512;
/** Of a header in front of another one: long names and, in pax, attributes that are not used here. */
const MAX_HEADER_BYTES = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '5': 'directory',
};

/** Reads ustar, with the long names of pax and of GNU tar. Never holds more than a chunk and a bounded header. */
export async function* tarEntries(source: AsyncIterable<Buffer>, limits: ArchiveLimits): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source[Symbol.asyncIterator](), limits);
  let everywhere: Override = {};
  let next: Override = {};
  try {
    for (let block; (block = await bytes.block()) !== undefined;) {
      // Zeros end an archive, and may be between two of them.
      if (block.every((byte) => byte === 0)) continue;
      checkSum(block);
      const flag = block.toString('latin1', 156, 157);
      const ownSize = numberIn(block, 124, 12);
      if (flag === 'g' || flag === 'x' || flag === 'K' || flag === 'L') {
        const text = await bytes.header(ownSize);
        if (flag === 'g') everywhere = { ...everywhere, ...paxOverride(text) };
        else if (flag === 'x') next = { ...next, ...paxOverride(text) };
        else next = { ...next, [flag === 'K' ? 'target' : 'name']: textIn(text, 0, text.length) };
        continue;
      }
      const { name = nameIn(block), target = textIn(block, 157, 100), size = ownSize } = { ...everywhere, ...next };
      next = {};
      const named = TYPES[flag] ?? 'other';
      // Before ustar only the name told a directory.
      const type = named === 'file' && name.endsWith('/') ? 'directory' : named;
      const content = new Content(bytes, type === 'directory' ? 0 : size);
      yield { type, name, target, executable: (numberIn(block, 100, 8) & 0o111) !== 0, content };
      await content.skip();
    }
  } finally {
    await bytes.close();
  }
}

/** The content of one entry, with the zeros that fill its last block. */
class Content implements AsyncIterable<Buffer> {
  #left: number;
  #padding: number;

  constructor(
    private readonly bytes: ByteReader,
    size: number,
  ) {
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const chunk = await this.bytes.upTo(this.#left);
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async skip(): Promise<void> {
    this.#left += this.#padding;
    this.#padding = 0;
    while (this.#left > 0) this.#left -= (await this.bytes.upTo(this.#left)).length;
  }
}

class ByteReader {
  #rest: Buffer = EMPTY;

  constructor(
    private readonly chunks: AsyncIterator<Buffer>,
    private readonly limits: ArchiveLimits,
  ) {}

  /** Undefined at the end. */
  async block(): Promise<Buffer | undefined> {
    return (await this.#fill()) ? this.#exactly(BLOCK) : undefined;
  }

  /** The bytes of a header in front of another one. */
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
    await this.chunks.return?.();
  }

  async #exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0; left -= parts.at(-1)!.length) parts.push(await this.upTo(left));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done === true) return false;
      this.limits.read(next.value.length);
      this.#rest = next.value;
    }
    return true;
  }
}

/** `LENGTH KEY=VALUE\n`, again and again; only names, targets and sizes are taken. */
function paxOverride(header: Buffer): Override {
  const override: { name?: string; target?: string; size?: number } = {};
  for (let at = 0; at < header.length;) {
    const space = header.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(header.toString('latin1', at, Math.min(space, at + 20)));
    if (!(length > space - at && at + length <= header.length)) throw new ArchiveError('It has a broken pax header.');
    const record = header.subarray(space + 1, at + length - 1);
    const equals = record.indexOf(0x3d);
    const key = record.toString('latin1', 0, Math.min(equals, 10));
    if (key === 'path') override.name = textIn(record, equals + 1, record.length);
    if (key === 'linkpath') override.target = textIn(record, equals + 1, record.length);
    if (key === 'size') override.size = sizeOf(Number(record.toString('latin1', equals + 1)));
    at += length;
  }
  return override;
}

/** Refused before it is made a text when it is longer than a path can be. */
function textIn(bytes: Buffer, from: number, length: number): string {
  const field = bytes.subarray(from, from + length);
  const end = field.indexOf(0);
  const text = end < 0 ? field : field.subarray(0, end);
  if (text.length > MAX_PATH_BYTES) throw new ArchiveError(`It has a name of more than ${MAX_PATH_BYTES} bytes.`);
  return text.toString();
}

function nameIn(block: Buffer): string {
  const name = textIn(block, 0, 100);
  // GNU's magic ends with a space; there is other data in place of the prefix.
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? textIn(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function checkSum(block: Buffer): void {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : block[at]!;
  if (numberIn(block, 148, 8) !== sum) throw new ArchiveError('It is not a tar archive, or is damaged.');
}

/** Octal digits, or GNU's binary form, which begins with 0x80. */
function numberIn(block: Buffer, from: number, length: number): number {
  if (block[from] === 0x80) return sizeOf(Number(block.readBigUInt64BE(from + length - 8)));
  const digits = textIn(block, from, length).trim();
  return sizeOf(digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN);
}

function sizeOf(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ArchiveError('It has a broken header.');
}
