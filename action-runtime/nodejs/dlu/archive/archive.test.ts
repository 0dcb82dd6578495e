import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { renamed, tarGzOf, zipOf, zipWithLink } from '../../testing/archives.js';
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

test.each(['/etc/passwd', '../outside', '../../x'])('a link to %s is refused', async (target) => {
  await expect(unpackZip(await zipWithLink('link', target), root)).rejects.toThrow(/leads outside the archive/);
  await expect(
    unpackTarGz(await tarGzOf({}, [{ name: 'link', type: 'symlink', linkname: target }]), root),
  ).rejects.toThrow(/leads outside/);
});

test('a link inside is kept, and nothing is written through one', async () => {
  await unpackTarGz(
    await tarGzOf({ 'real/file': 'x', 'link/file': 'y' }, [{ name: 'also', type: 'symlink', linkname: 'real' }]),
    root,
  );
  expect(readlinkSync(join(root, 'also'))).toBe('real');
  const chained = tarGzOf({}, [
    { name: 'a', type: 'symlink', linkname: 'b' },
    { name: 'b/deep/x', type: 'directory' },
    { name: 'a/deep/up', type: 'symlink', linkname: '../../x' },
  ]);
  await expect(unpackTarGz(await chained, mkdtempSync(join(outer, 'chain-')))).rejects.toThrow(PREFIX);
});

test('a hard link is refused', async () => {
  await expect(
    unpackTarGz(await tarGzOf({}, [{ name: 'link', type: 'link', linkname: '/etc/passwd' }]), root),
  ).rejects.toThrow(/hard link/);
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
  await expect(unpack(bytes, root)).rejects.toThrow(PREFIX);
});
