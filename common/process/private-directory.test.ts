import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makePrivateDirectory, makeShortDirectory, removeLeftBehind } from './private-directory.js';
import { identityText, isAlive, ownIdentity, processIdentity } from './process-identity.js';

let base: string;
const own = identityText(ownIdentity());
const children: ChildProcess[] = [];
beforeEach(() => (base = fs.mkdtempSync(path.join(os.tmpdir(), 'dfd-'))));
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  fs.rmSync(base, { recursive: true, force: true });
});

/** The directory of another process, as that would have made it. */
function directoryOf(identity: string, made: string): string {
  const directory = path.join(base, path.basename(made).replace(own, identity));
  fs.mkdirSync(path.join(directory, '1'), { recursive: true });
  fs.writeFileSync(path.join(directory, '1', 'value'), 'x');
  return directory;
}

const kinds = (): string[] => [
  makePrivateDirectory(base, 'sink'),
  makePrivateDirectory(base, 'boxes'),
  makeShortDirectory(base),
];

test('directories of dead agents are removed for whatever they were made; those of living ones and other files stay', () => {
  const mine = kinds();
  const { pid, startedAt } = ownIdentity();
  const gone = ['4194304999-1', `${pid}-${Number(startedAt) + 1}`].flatMap((identity) =>
    mine.map((made) => directoryOf(identity, made)),
  );
  const others = ['notes', 'dataflower-notes', 'dataflower-1-2-3', 'dataflower-sink-elsewhere-1-2-abcdef'];
  for (const name of others) fs.mkdirSync(path.join(base, name));
  expect(gone.every((directory) => fs.existsSync(directory))).toBe(true);
  expect(removeLeftBehind([base])).toBeGreaterThanOrEqual(gone.length);
  expect(fs.readdirSync(base).sort()).toEqual([...mine.map((made) => path.basename(made)), ...others].sort());
});

test('they are for this user alone', () => {
  for (const directory of kinds()) expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
});

test("another user's is removed where that is permitted, by a program that follows no link its owner puts there", () => {
  const left = directoryOf('4194304999-1', makeShortDirectory(base));
  const kept = path.join(base, 'kept');
  fs.mkdirSync(kept);
  fs.symlinkSync(kept, path.join(left, 'link'));
  // Only root can give it away; for anybody else it is their own.
  if (process.getuid?.() === 0) fs.chownSync(left, 65534, 65534);
  removeLeftBehind([base]);
  expect(fs.existsSync(left)).toBe(false);
  expect(fs.existsSync(kept)).toBe(true);
});

test('a link in the place of a directory is removed without what it leads to', () => {
  const kept = path.join(base, 'kept');
  fs.mkdirSync(kept);
  fs.writeFileSync(path.join(kept, 'file'), 'x');
  const link = path.join(base, path.basename(makeShortDirectory(base)).replace(own, '4194304999-1'));
  fs.symlinkSync(kept, link);
  removeLeftBehind([base]);
  expect(fs.existsSync(path.join(kept, 'file'))).toBe(true);
  expect(fs.readdirSync(base)).not.toContain(path.basename(link));
});

test('what still runs in them is ended, by its environment or by where it works, and nothing else', async () => {
  const left = directoryOf('4194304999-1', makeShortDirectory(base));
  const start = async (options: object): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1e6)'], { stdio: 'ignore', ...options });
    children.push(child);
    await once(child, 'spawn');
    return child;
  };
  const atHome = await start({ env: { HOME: path.join(left, '1') } });
  const working = await start({ env: {}, cwd: path.join(left, '1') });
  const innocent = await start({ env: { NOTE: `about ${left}/1`, HOME: base }, cwd: base });
  const ended = [atHome, working].map((child) => once(child, 'exit'));
  removeLeftBehind([base]);
  for (const [code, signal] of await Promise.all(ended)) expect([code, signal]).toEqual([null, 'SIGKILL']);
  expect(isAlive(processIdentity(innocent.pid!)!)).toBe(true);
  expect(fs.existsSync(left)).toBe(false);
});

test('a process that has ended and that nobody has asked how is no longer alive', async () => {
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(parent);
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const state = (): string => fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]![0]!;
  while (state() !== 'Z') await new Promise((resolve) => setImmediate(resolve));
  expect(isAlive({ pid, startedAt: '0' })).toBe(false);
});
