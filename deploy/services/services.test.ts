import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import nano from 'nano';
import { isAlive } from './background-program.js';
import { startCouchDbStandIn } from './couchdb/stand-in.js';
import { ServiceManager } from './manager.js';
import { readState } from './state-file.js';

const START_MS = 300_000;
interface Numbered {
  readonly n: number;
}

const quiet = (): void => undefined;

describe('a service that is started from here', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dataflower-services-'));
  const manager = new ServiceManager({ environment: {}, directory });

  afterAll(async () => {
    await manager.down('couchdb');
    rmSync(directory, { recursive: true, force: true });
  });

  test(
    'answers when up resolves, is not started twice, and is there again with its data when it was killed',
    async () => {
      const first = await manager.up('couchdb', quiet);
      expect(first).toMatchObject({ name: 'couchdb', by: 'started' });
      await expect(nano(first.address!).db.list()).resolves.toEqual(expect.any(Array));
      const { process: program } = readState('couchdb', directory)!;
      expect(statSync(path.join(directory, 'couchdb.json')).mode & 0o077).toBe(0);

      expect(await manager.up('couchdb', quiet)).toEqual(first);
      expect(readState('couchdb', directory)!.process).toEqual(program);

      await nano(first.address!).db.create('kept');
      await nano(first.address!).use<Numbered>('kept').insert({ n: 1 }, 'ns/name');
      process.kill(program!.pid, 'SIGKILL');
      while (isAlive(program!)) await new Promise(setImmediate);
      expect(await manager.status('couchdb')).toMatchObject({ by: 'started', problem: 'Its process has ended.' });

      expect(await manager.up('couchdb', quiet)).toEqual(first);
      expect(await nano(first.address!).use<Numbered>('kept').get('ns/name')).toMatchObject({ n: 1 });
      expect(readState('couchdb', directory)!.process!.pid).not.toBe(program!.pid);
    },
    START_MS,
  );

  test('leaves neither process nor file when it is stopped, and can be stopped again', async () => {
    const { process: program, log } = readState('couchdb', directory)!;
    expect(existsSync(log!)).toBe(true);
    expect(await manager.down('couchdb')).toBe(true);
    expect(isAlive(program!)).toBe(false);
    expect(existsSync(directory)).toBe(false);
    expect(await manager.down('couchdb')).toBe(false);
    expect(await manager.status('couchdb')).toEqual({ name: 'couchdb', by: 'down' });
  });

  test('is not started where the environment says that there is one, whatever answers there', async () => {
    const environment = { COUCHDB_URL: 'http://admin:hidden@127.0.0.1:1' };
    const elsewhere = new ServiceManager({ environment, directory });
    await expect(elsewhere.up('couchdb', quiet)).rejects.toThrow('COUCHDB_URL is set, and nothing answers there');
    await expect(elsewhere.up('couchdb', quiet)).rejects.not.toThrow('hidden');
    expect(existsSync(directory)).toBe(false);
  });
});

describe("the stand-in for CouchDB's API", () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dataflower-stand-in-'));
  const options = { directory: path.join(directory, 'data'), log: path.join(directory, 'log') };
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test(
    'keeps what it has answered when it is killed, under the same address',
    async () => {
      const before = await startCouchDbStandIn(options);
      await nano(before.url).db.create('kept');
      const { rev } = await nano(before.url).use<Numbered>('kept').insert({ n: 1 }, 'ns/name');
      await before.stop('SIGKILL');
      const { port, password } = before;
      const after = await startCouchDbStandIn({ ...options, port, password });
      try {
        expect(after.url).toBe(before.url);
        expect(await nano(after.url).use<Numbered>('kept').get('ns/name')).toMatchObject({ _rev: rev, n: 1 });
      } finally {
        await after.stop();
      }
      expect(readFileSync(options.log, 'utf8')).not.toContain(password);
    },
    START_MS,
  );

  test('refuses who is not the administrator, and revisions that are not the last', async () => {
    const server = await startCouchDbStandIn(options);
    try {
      const origin = new URL(server.url).origin;
      expect((await fetch(`${origin}/kept`)).status).toBe(401);
      const wrong = server.url.replace(server.password, 'wrong');
      await expect(nano(wrong).use<Numbered>('kept').get('x')).rejects.toMatchObject({ statusCode: 401 });
      const kept = nano(server.url).use<Numbered>('kept');
      await expect(kept.insert({ n: 2 }, 'ns/name')).rejects.toMatchObject({ statusCode: 409 });
      const writers = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => kept.insert({ n }, 'raced')));
      expect(writers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    } finally {
      await server.stop();
    }
  });
});
