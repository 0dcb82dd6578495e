import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip, gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { ZipFile } from 'yazl';
import { renamed, saying, tarGzOf, zipOf, zipWithLink } from '../../testing/archives.js';
import { ArchiveError } from './errors.js';
import { ArchiveLimits, MAX_ENTRIES } from './limits.js';
import { unpackTarGz } from './tar-gz.js';
import { unpackZip } from './zip.js';

let outer: string;
let root: string;
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'unpack-'));
  root = mkdtempSync(join(outer, 'root-'));
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

const PREFIX = 'There was an error uncompressing the action archive.';

test('files and directories are unpacked', async () => {
  await unpackZip(await zipOf({ 'a/b/c.txt': 'deep', 'd.txt': 'flat' }), root);
  expect([readFileSync(join(root, 'a/b/c.txt'), 'utf8'), readFileSync(join(root, 'd.txt'), 'utf8')]).toEqual([
    'deep',
    'flat',
  ]);
});

test.each(['../evil.txt', '/tmp/evil.tx', 'a/../../e.tx'])('a zip entry named %s is refused', async (name) => {
  const plain = 'x'.repeat(name.length);
  await expect(unpackZip(renamed(await zipOf({ [plain]: 'evil' }), plain, name), root)).rejects.toThrow(PREFIX);
  expect(existsSync(join(outer, 'evil.txt'))).toBe(false);
});

test.each(['../evil.txt', '/tmp/evil.tx', 'a/../../e.tx'])('a tar entry named %s is refused', async (name) => {
  await expect(unpackTarGz(await tarGzOf({ [name]: 'evil' }), root)).rejects.toThrow(
    `${PREFIX} The entry '${name}' lies outside`,
  );
});

test.each(['/etc/passwd', '../outside', '../../x', 'nowhere'])(
  'a link to %s is made, and does no harm',
  async (target) => {
    await unpackZip(await zipWithLink('link', target), root);
    expect(readlinkSync(join(root, 'link'))).toBe(target);
    await unpackTarGz(await tarGzOf({}, [{ name: 'deep/link', type: 'symlink', linkname: target }]), root);
    expect(readlinkSync(join(root, 'deep/link'))).toBe(target);
  },
);

const OTHER = 'another entry is in its place.';

test.each([
  [
    'a file below a link',
    { 'out/file': 'x' },
    [{ name: 'out', type: 'symlink', linkname: '..' }],
    `'out' cannot be unpacked: ${OTHER}`,
  ],
  [
    'a link below a link',
    {},
    [
      { name: 'out', type: 'symlink', linkname: '..' },
      { name: 'out/up/evil', type: 'symlink', linkname: 'x' },
    ],
    `'out' cannot be unpacked: ${OTHER}`,
  ],
  [
    'a link below a link to come',
    {},
    [
      { name: 'out/up/evil', type: 'symlink', linkname: 'x' },
      { name: 'out', type: 'symlink', linkname: '..' },
    ],
    `'out' cannot be unpacked: ${OTHER}`,
  ],
  ['a directory at a file', { a: 'x' }, [{ name: 'a/b', type: 'directory' }], `'a/b' cannot be unpacked: ${OTHER}`],
  [
    'a hard link out',
    {},
    [{ name: 'hard', type: 'link', linkname: '/etc/passwd' }],
    "'/etc/passwd' lies outside the archive.",
  ],
  [
    'a hard link up',
    {},
    [{ name: 'hard', type: 'link', linkname: 'a/../../x' }],
    "'a/../../x' lies outside the archive.",
  ],
  [
    'a hard link to nothing',
    {},
    [{ name: 'hard', type: 'link', linkname: 'none' }],
    "'hard' is a hard link to 'none', which is no file before it in the archive.",
  ],
  [
    'a hard link to a directory',
    { 'd/f': 'x' },
    [{ name: 'hard', type: 'link', linkname: 'd' }],
    "'hard' is a hard link to 'd', which is no file before it in the archive.",
  ],
  [
    'a hard link through a link',
    {},
    [
      { name: 'out', type: 'symlink', linkname: '/etc' },
      { name: 'hard', type: 'link', linkname: 'out/passwd' },
    ],
    "'hard' is a hard link to 'out/passwd', which is no file before it in the archive.",
  ],
  [
    'a hard link outside',
    { a: 'x' },
    [{ name: '../evil.txt', type: 'link', linkname: 'a' }],
    "'../evil.txt' lies outside the archive.",
  ],
] as const)('%s is refused in one sentence', async (_, files, entries, sentence) => {
  await expect(unpackTarGz(await tarGzOf(files, entries), root)).rejects.toThrow(
    new ArchiveError(`The entry ${sentence}`).message,
  );
  expect(readdirSync(outer)).toEqual([basename(root)]);
});

test('hard links are further names of what came before: of files, of links, of links to links', async () => {
  const entries = [
    { name: 'lib/b', type: 'link', linkname: './lib/a' },
    { name: 'c', type: 'link', linkname: 'lib/b' },
    { name: 'c', type: 'link', linkname: 'c' },
    { name: 's', type: 'symlink', linkname: 'c' },
    { name: 't', type: 'link', linkname: 's' },
  ] as const;
  await unpackTarGz(await tarGzOf({ 'lib/a': 'text' }, entries), root);
  for (const name of ['lib/a', 'lib/b', 'c', 's', 't']) expect(readFileSync(join(root, name), 'utf8')).toBe('text');
  expect(readlinkSync(join(root, 't'))).toBe('c');
});

test('of two entries with one name the later stays, and other names of the first keep what they had', async () => {
  const tar = pack();
  tar.entry({ name: 'a' }, 'first');
  tar.entry({ name: 'b', type: 'link', linkname: 'a' });
  tar.entry({ name: 'a' }, 'second');
  tar.entry({ name: 'l', type: 'symlink', linkname: '/nowhere' });
  tar.entry({ name: 'l' }, 'a file');
  tar.entry({ name: 'm' }, 'a file');
  tar.entry({ name: 'm', type: 'symlink', linkname: 'a' });
  tar.finalize();
  await unpackTarGz(await buffer(tar.pipe(createGzip())), root);
  expect(['a', 'b', 'l', 'm'].map((name) => readFileSync(join(root, name), 'utf8'))).toEqual([
    'second',
    'first',
    'a file',
    'second',
  ]);
  expect(lstatSync(join(root, 'l')).isFile()).toBe(true);
});

test('a link inside is kept', async () => {
  await unpackTarGz(
    await tarGzOf({ 'real/file': 'x', 'link/file': 'y' }, [{ name: 'also', type: 'symlink', linkname: 'real' }]),
    root,
  );
  expect(readlinkSync(join(root, 'also'))).toBe('real');
});

test('sizes behind the content, sizes of zip64 and content that is not compressed are read', async () => {
  const zip = new ZipFile();
  zip.addReadStream(Readable.from([Buffer.from('as it came')]), 'streamed');
  zip.addBuffer(Buffer.from('large'), 'zip64', { forceZip64Format: true });
  zip.addBuffer(Buffer.from('plain'), 'stored', { compress: false });
  zip.end({ forceZip64Format: true, comment: '' });
  await unpackZip(await buffer(zip.outputStream), root);
  const read = (name: string): string => readFileSync(join(root, name), 'utf8');
  expect(['streamed', 'zip64', 'stored'].map(read)).toEqual(['as it came', 'large', 'plain']);
});

const READ = 'only deflated and stored entries are read.';

test.each([
  ['bzip2', { method: 12 }, `is compressed by bzip2: ${READ}`],
  ['LZMA', { method: 14 }, `is compressed by LZMA: ${READ}`],
  ['Deflate64', { method: 9 }, `is compressed by Deflate64: ${READ}`],
  ['Zstandard', { method: 93 }, `is compressed by Zstandard: ${READ}`],
  ['a method without a name', { method: 77 }, `is compressed by method 77: ${READ}`],
  ['a password', { flags: 1 }, 'is encrypted.'],
  ['a wrong checksum', { crc: 1 }, 'is damaged: its checksum (CRC) is wrong.'],
])('a zip entry with %s is refused in one sentence', async (_, lie, sentence) => {
  const wrong = saying(await zipOf({ 'index.js': 'x'.repeat(100) }), lie);
  await expect(unpackZip(wrong, root)).rejects.toThrow(new ArchiveError(`The entry 'index.js' ${sentence}`).message);
  const link = saying(await zipWithLink('link', 'target'), lie);
  await expect(unpackZip(link, root)).rejects.toThrow(sentence);
});

test('deflated data that are damaged or end too early are told with their entry', async () => {
  const zip = await zipOf({ 'index.js': Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251)) });
  const at = zip.indexOf('index.js') + 30;
  const damaged = Buffer.from(zip).fill(0xff, at, at + 20);
  await expect(unpackZip(damaged, root)).rejects.toThrow(
    /\. The entry 'index\.js' (?:cannot be unpacked: its data are|is) damaged[^.]*\.$/,
  );
  const tar = await tarGzOf({ 'index.js': 'x'.repeat(5000) });
  await expect(unpackTarGz(tar.subarray(0, 60), root)).rejects.toThrow(
    /\. (?:The entry 'index\.js' cannot be unpacked|It cannot be read): its data end too early\.$/,
  );
});

test('an archive that unpacks to too much is stopped on the way', async () => {
  const bomb = await zipOf({ 'bomb.bin': Buffer.alloc(3_000_000) });
  expect(bomb.length).toBeLessThan(10_000);
  await expect(unpackZip(bomb, root, 2_000_000)).rejects.toThrow(/unpacks to more than 2000000 bytes/);
});

test('too many entries are refused', () => {
  const limits = new ArchiveLimits(root, 1);
  for (let i = 0; i < MAX_ENTRIES; i++) limits.place(`f${i}`);
  expect(() => limits.place('one more')).toThrow(/more than 50000 entries/);
});

test('a zip that says it has too many entries is refused before the first is written', async () => {
  const archive = await zipOf({ 'a.txt': 'x' });
  // The count in the end of its directory.
  archive.writeUInt16LE(60_000, archive.length - 12);
  await expect(unpackZip(archive, root)).rejects.toThrow(/more than 50000 entries/);
  expect(existsSync(join(root, 'a.txt'))).toBe(false);
});

test.each([
  ['zip', Buffer.from('504b0304ffff', 'hex'), unpackZip],
  ['tar', gzipSync(Buffer.alloc(5000, 'nonsense')), unpackTarGz],
  ['gzip', Buffer.from('1f8b0808ffff', 'hex'), unpackTarGz],
])('a broken %s is refused', async (_, bytes, unpack) => {
  await expect(unpack(bytes, root)).rejects.toThrow(
    /^There was an error uncompressing the action archive\. [A-Z][^\n]*[^.]\.$/,
  );
});
