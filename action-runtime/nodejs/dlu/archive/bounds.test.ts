import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip, gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { ZipFile } from 'yazl';
import { tarGzOf, zipOf, zipWithLink } from '../../testing/archives.js';
import { EntryWriter } from './entry-writer.js';
import { ArchiveLimits, MAX_ENTRIES } from './limits.js';
import { unpackTarGz } from './tar-gz.js';
import { unpackZip } from './zip.js';

// The bounds on bytes that an archive makes the container read, keep and write hold for every part of its format.

const MiB = 1024 * 1024;
const LARGE = 96 * MiB;
let outer: string;
let root: string;
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'unpack-'));
  root = mkdtempSync(join(outer, 'root-'));
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

/** A tar header as old programs write it: everything else is by pax or GNU headers in front of it. */
function header(name: string, flag: string, size: number, target = ''): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write('0000644\0', 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write(flag, 156);
  block.write(target, 157);
  block.write('ustar\x0000', 257, 'latin1');
  block.write('        ', 148);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return block;
}

const padded = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
const entry = (name: string, flag: string, data: Buffer): Buffer =>
  Buffer.concat([header(name, flag, data.length), padded(data)]);

/** One record of a pax header; its length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.from(`${length}${rest}`);
}

/** The most memory that a process of its own had resident while it unpacked, in KiB, and what it said. */
function unpackedApart(archive: Buffer, format: 'zip' | 'tar.gz'): { peak: number; said: string } {
  const file = join(outer, 'archive');
  writeFileSync(file, archive);
  const program = `
    import { existsSync, readFileSync } from 'node:fs';
    import { unpackZip } from ${JSON.stringify(new URL('./zip.js', import.meta.url).href)};
    import { unpackTarGz } from ${JSON.stringify(new URL('./tar-gz.js', import.meta.url).href)};
    let said = 'unpacked';
    await ${format === 'zip' ? 'unpackZip' : 'unpackTarGz'}(readFileSync(${JSON.stringify(file)}), ${JSON.stringify(root)})
      .catch((error) => (said = error.message));
    // The system's peak of a child includes its parent's memory at the fork; only Linux tells the child's own peak.
    const own = existsSync('/proc/self/status') && /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
    const peak = own ? Number(own[1]) : process.resourceUsage().maxRSS;
    console.log(JSON.stringify({ peak, said }));`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  return JSON.parse(out) as { peak: number; said: string };
}

test.each([
  ['a zip', 'zip', async () => zipWithLink('link', 'x'.repeat(LARGE))],
  [
    'a tar with a pax header',
    'tar.gz',
    async () => tarGzOf({}, [{ name: 'link', type: 'symlink', linkname: 'x'.repeat(LARGE) }]),
  ],
  [
    'a tar with a GNU header',
    'tar.gz',
    () => gzipSync(Buffer.concat([entry('', 'K', Buffer.alloc(LARGE, 'x')), header('link', '2', 0)])),
  ],
] as const)(
  'the target of a link in %s takes no memory, however long it is',
  async (_, format, make) => {
    const small = unpackedApart(format === 'zip' ? await zipOf({ a: 'x' }) : await tarGzOf({ a: 'x' }), format);
    expect(small.said).toBe('unpacked');
    const large = unpackedApart(await make(), format);
    expect(large.said).toMatch(/more than (?:4096|1048576) bytes/);
    expect(large.peak / small.peak).toBeLessThan(1.5);
    expect(readdirSync(root)).not.toContain('link');
  },
  300_000,
);

test('content is unpacked as a stream: an archive of one large file takes no memory for it', async () => {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.alloc(LARGE), 'large');
  zip.end();
  const small = unpackedApart(await zipOf({ a: 'x' }), 'zip');
  const large = unpackedApart(await buffer(zip.outputStream), 'zip');
  expect(large.said).toBe('unpacked');
  expect(large.peak / small.peak).toBeLessThan(2);
  const tar = unpackedApart(gzipSync(entry('large', '0', Buffer.alloc(LARGE))), 'tar.gz');
  expect([tar.said, statSync(join(root, 'large')).size]).toEqual(['unpacked', LARGE]);
  expect(tar.peak / small.peak).toBeLessThan(2);
});

test('a link whose size is a lie is not read further than it says', async () => {
  const archive = await zipWithLink('link', 'x'.repeat(5000));
  const lying = Buffer.from(archive);
  // The size of 5000 is in the directory of the archive.
  const size = Buffer.alloc(4);
  size.writeUInt32LE(5000);
  for (let at = lying.indexOf(size); at >= 0; at = lying.indexOf(size, at + 1)) lying.writeUInt32LE(10, at);
  await expect(unpackZip(lying, root)).rejects.toThrow(/uncompressing the action archive.*(?:bytes|size)/);
  await expect(unpackZip(archive, root)).rejects.toThrow(/a link to a path of more than 4096 bytes/);
});

test('the target of a link counts as what is unpacked, and so does every link', async () => {
  const linked = await zipWithLink('link', 'x'.repeat(4000));
  await expect(unpackZip(linked, root, 4000)).rejects.toThrow(/unpacks to more than 4000 bytes/);
  const target = 'x'.repeat(4000);
  const links = Array.from({ length: 5000 }, (_, i) => ({ name: `l${i}`, type: 'symlink' as const, linkname: target }));
  await expect(unpackTarGz(await tarGzOf({}, links), root)).rejects.toThrow(/links have more than 16777216 bytes/);
  expect(readdirSync(root).filter((name) => name.startsWith('l'))).toEqual([]);
});

test.each([
  ['zip', async (name: string) => unpackZip(await zipOf({ [name]: 'x' }), root)],
  ['tar', async (name: string) => unpackTarGz(await tarGzOf({ [name]: 'x' }), root)],
])('a name in a %s is no longer than a path can be', async (_, unpack) => {
  await expect(unpack('a/'.repeat(2048) + 'b')).rejects.toThrow(/a name of more than 4096 bytes/);
  await expect(unpack('x'.repeat(300))).rejects.toThrow(/uncompressing the action archive\..*ENAMETOOLONG/);
});

test('directories that only a path names count as entries, and are not too deep', async () => {
  const limits = new ArchiveLimits(root, MiB);
  const writer = new EntryWriter(root, limits);
  const file = (name: string): Promise<void> => writer.file(name, Readable.from([Buffer.from('x')]), false);
  limits.addEntries(MAX_ENTRIES - 110);
  await writer.directory('a');
  await file(`a/${'b/'.repeat(98)}f`);
  await expect(file(`a/c/${'d/'.repeat(98)}f`)).rejects.toThrow(`more than ${MAX_ENTRIES} entries`);
  const deep = { [`${'a/'.repeat(256)}f`]: 'x' };
  await expect(unpackZip(await zipOf(deep), root)).rejects.toThrow(/more than 256 directories in each other/);
});

test('headers of a tar in front of another are bounded, and what is skipped is too', async () => {
  const long = gzipSync(
    Buffer.concat([entry('', 'x', paxRecord('comment', 'x'.repeat(2 * MiB))), header('a', '0', 0)]),
  );
  await expect(unpackTarGz(long, root)).rejects.toThrow(/a header of more than 1048576 bytes/);
  const one = entry('', 'x', paxRecord('comment', 'x'.repeat(1_000_000)));
  const many = gzipSync(Buffer.concat(Array.from({ length: 120 }, () => one)));
  await expect(unpackTarGz(many, root, 1000)).rejects.toThrow(/unpacks to more than 1000 bytes/);
  const device = gzipSync(entry('device', '3', Buffer.alloc(120 * MiB)));
  await expect(unpackTarGz(device, root, 1000)).rejects.toThrow(/unpacks to more than 1000 bytes/);
  expect(readdirSync(root)).toEqual([]);
});

test.each([
  ['a sparse file of GNU tar', header('index.js', 'S', 0)],
  [
    'a sparse file of pax',
    Buffer.concat([entry('', 'x', paxRecord('GNU.sparse.major', '1')), header('index.js', '0', 0)]),
  ],
])('%s is refused', async (_, tar) => {
  await expect(unpackTarGz(gzipSync(tar), root)).rejects.toThrow(
    "There was an error uncompressing the action archive. The entry 'index.js' is a sparse file: pack it without --sparse.",
  );
});

/** A header as programs before ustar wrote it: numbers with spaces around, no magic, the sum of the bytes as signed. */
function oldHeader(name: string, flag: string, size: number, target = ''): Buffer {
  const block = header(name, flag, size, target).fill(0, 257);
  block.fill(' ', 100, 108).write('   644 ', 100);
  block.fill(' ', 124, 136).write(size.toString(8).padStart(11), 124);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + ((byte << 24) >> 24), 0);
  block.write(`${sum.toString(8).padStart(6)}\0 `, 148);
  return block;
}

test('headers from before ustar are read', async () => {
  const content = padded(Buffer.from('text'));
  const tar = [
    oldHeader('dir/', '\0', 0),
    oldHeader('dir/grüße', '\0', 4),
    content,
    // With the size of what they name, and no content.
    oldHeader('hard', '1', 4, 'dir/grüße'),
    oldHeader('link', '2', 9, 'dir/grüße'),
    oldHeader('x'.repeat(100), '0', 4),
    content,
  ];
  await unpackTarGz(gzipSync(Buffer.concat(tar)), root);
  for (const name of ['dir/grüße', 'hard', 'link', 'x'.repeat(100)])
    expect(readFileSync(join(root, name), 'utf8')).toBe('text');
});

test('a size in the binary form of GNU tar is read', async () => {
  const block = header('a', '0', 0).fill(0, 124, 136);
  block[124] = 0x80;
  block[135] = 4;
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  await unpackTarGz(gzipSync(Buffer.concat([block, padded(Buffer.from('text'))])), root);
  expect(readFileSync(join(root, 'a'), 'utf8')).toBe('text');
});

test('a file of an unknown type is a file; the name of the archive, a list and a pipe are none', async () => {
  const list = padded(Buffer.from('YF\0'));
  const tar = [
    entry('new', 'Z', Buffer.from('text')),
    header('label', 'V', 0),
    header('pipe', '6', 0),
    header('d', 'D', 3),
    list,
    entry('last', '7', Buffer.from('x')),
  ];
  await unpackTarGz(gzipSync(Buffer.concat(tar)), root);
  expect(readFileSync(join(root, 'new'), 'utf8')).toBe('text');
  expect(readdirSync(root).sort()).toEqual(['d', 'last', 'new']);
});

test.each([
  ['a size that is negative', header('a', '0', 0).fill('-1', 124, 136)],
  ['a sum that is wrong', header('a', '0', 0).fill('b', 0, 1)],
  ['content that ends too early', entry('a', '0', Buffer.alloc(600)).subarray(0, 700)],
  [
    'a pax record longer than its header',
    Buffer.concat([entry('', 'x', Buffer.from('99 path=a\n')), header('a', '0', 0)]),
  ],
  ['a pax record without a length', Buffer.concat([entry('', 'x', Buffer.from('path=a\n')), header('a', '0', 0)])],
  ['a pax size that is none', Buffer.concat([entry('', 'x', paxRecord('size', '1e99')), header('a', '0', 0)])],
])('a tar with %s is refused', async (_, tar) => {
  await expect(unpackTarGz(gzipSync(tar), root)).rejects.toThrow(
    /^There was an error uncompressing the action archive\./,
  );
});

test.each(['v7', 'ustar', 'gnu', 'pax'])('what tar writes in the format %s is unpacked', async (format) => {
  const source = join(outer, 'source');
  const long = format === 'v7' ? 'short' : 'deep/'.repeat(30) + 'x'.repeat(90);
  mkdirSync(join(source, long, '..'), { recursive: true });
  writeFileSync(join(source, long), 'long');
  writeFileSync(join(source, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('run.sh', join(source, 'link'));
  linkSync(join(source, 'run.sh'), join(source, 'hard.sh'));
  const archive = execFileSync('tar', ['-cz', `--format=${format}`, '-C', source, '.'], { maxBuffer: MiB });
  await unpackTarGz(archive, root);
  expect(readFileSync(join(root, long), 'utf8')).toBe('long');
  expect(readlinkSync(join(root, 'link'))).toBe('run.sh');
  for (const name of ['run.sh', 'hard.sh']) expect(statSync(join(root, name)).mode & 0o111).toBe(0o111);
  expect(readFileSync(join(root, 'hard.sh'), 'utf8')).toBe('#!/bin/sh\n');
});

test('names and targets of pax are taken, and a size beyond the field', async () => {
  const tar = pack();
  tar.entry({ name: 'grüße', pax: { size: '3' } }, 'abc');
  tar.entry({ name: 'l', type: 'symlink', linkname: `grüße${'/./'.repeat(100)}` });
  tar.finalize();
  await unpackTarGz(await buffer(tar.pipe(createGzip())), root);
  expect(readFileSync(join(root, 'grüße'), 'utf8')).toBe('abc');
  expect(readlinkSync(join(root, 'l'))).toHaveLength(305);
});
