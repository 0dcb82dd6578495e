import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { Suite } from '../testing/suite.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { describeAsRoot, SmallDisk } from '../testing/small-file-systems.js';

const TEST_MS = 300_000;
const suite = Suite.open();

let dataDir: string;
let entities: string;
beforeEach(() => {
  dataDir = suite.folder('data');
  entities = join(dataDir, 'entities');
});

const code = (name: string, bytes: number): string =>
  `function main() { return { name: '${name}' } }//${'x'.repeat(bytes)}`;

async function put(platform: Platform, name: string, bytes = 100): Promise<number> {
  const body = { exec: { kind: 'nodejs:20', code: code(name, bytes) } };
  return (await platform.api.put(`_/actions/${name}?overwrite=true`, body)).status;
}

interface Health {
  readonly status: string;
  readonly reasons: readonly { readonly check: string; readonly reason: string }[];
}

async function health(platform: Platform): Promise<Health & { readonly code: number }> {
  const { status: answer, json } = await platform.api.get('/health');
  return { ...(json as unknown as Health), code: answer };
}

async function isReady(platform: Platform): Promise<boolean> {
  return (await health(platform)).code === 200;
}

/** Why the server gets no work, once it says so. */
async function unready(platform: Platform): Promise<string> {
  const { code: status, reasons } = await health(platform);
  expect(status).toBe(503);
  return reasons.find(({ check }) => check === 'entities')!.reason;
}

/** Every action that was confirmed is there with its code; of the others each is there as a whole, or not at all. */
async function expectAll(
  platform: Platform,
  confirmed: ReadonlyMap<string, number>,
  refused: ReadonlyMap<string, number>,
) {
  for (const [name, bytes] of [...confirmed, ...refused]) {
    const { status, json } = await platform.api.get(`_/actions/${name}`);
    if (status === 404 && !confirmed.has(name)) continue;
    const { exec } = json as unknown as { exec: { code: string } };
    expect([name, status, exec.code]).toEqual([name, 200, code(name, bytes)]);
  }
}

async function userNames(platform: Platform): Promise<string[]> {
  const { stdout } = await dataflower(['user', 'list', '--data', platform.options.dataDir]);
  return stdout.split('\n').flatMap((line) => /\bu\d+\b/.exec(line)?.[0] ?? []);
}

describeAsRoot('a server whose entities are on a full disk', () => {
  let disk: SmallDisk | undefined;
  afterEach(() => disk?.unmount());

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'confirms nothing that is gone after %s, and goes on by itself when there is room',
    async (signal) => {
      disk = SmallDisk.mount(entities, '4m');
      const platform = await suite.start({ dataDir });
      const confirmed = new Map<string, number>();
      const refused = new Map<string, number>();
      const write = async (name: string, bytes: number): Promise<number> => {
        const status = await put(platform, name, bytes);
        if (status === 200) confirmed.set(name, bytes);
        else refused.set(name, bytes);
        return status;
      };
      await write('first', 50_000);
      const filler = join(entities, 'filler');
      const { bavail, bsize } = statfsSync(entities);
      writeFileSync(filler, Buffer.alloc((bavail - 40) * bsize));
      const full = await Promise.all(Array.from({ length: 20 }, (_, i) => write(`full${i}`, 50_000)));
      expect(full).toContain(503);
      // Small ones that would still fit are not confirmed either.
      expect(await write('small', 10)).toBe(503);
      for (const [method, name] of [
        ['PUT', 'small'],
        ['PUT', 'first?overwrite=true'],
        ['DELETE', 'first'],
      ] as const) {
        const body = method === 'PUT' ? { exec: { kind: 'nodejs:20', code: 'x' } } : undefined;
        expect(await platform.api.ask(method, `_/actions/${name}`, { body })).toMatchObject({
          status: 503,
          headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
          json: {
            error: expect.stringMatching(/^The server is currently unavailable .* The disk of the entities is full\.$/),
          },
        });
      }
      const user = await dataflower(['user', 'add', 'u1', '--data', dataDir]);
      expect(user.code).not.toBe(0);
      expect(await unready(platform)).toMatch(/ENOSPC/);
      expect((await platform.api.post('_/actions/first?blocking=true&result=true', {})).json).toEqual({
        name: 'first',
      });

      rmSync(filler);
      await until(() => isReady(platform), { what: 'the server to be ready again' });
      for (let i = 0; i < 20; i++) expect(await write(`after${i}`, 20_000)).toBe(200);
      expect((await dataflower(['user', 'add', 'u2', '--data', dataDir])).code).toBe(0);
      platform.signal(signal);
      await platform.ended;

      const second = await suite.start({ dataDir });
      await expectAll(second, confirmed, refused);
      expect(await userNames(second)).toContain('u2');
      expect(await put(second, 'again')).toBe(200);
      await second.stop();
      // No part of a refused write is left.
      const files = readdirSync(join(entities, 'documents'));
      expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
    TEST_MS,
  );
});

const limited = (platform: Platform, limit: string): void =>
  void execFileSync('prlimit', ['--pid', String(platform.pid), limit]);

/** The number that the next file would have; no file may have the limit or more. */
function firstFree(pid: number): number {
  const used = new Set(readdirSync(`/proc/${pid}/fd`));
  let free = 0;
  while (used.has(String(free))) free++;
  return free;
}

describe('a server whose system refuses it', () => {
  test.each([
    ['files to be opened', 'EMFILE', ({ pid }: Platform) => `--nofile=${firstFree(pid)}:`],
    ['files of that size', 'EFBIG', () => '--fsize=30000:'],
  ])(
    '%s confirms nothing with %s, and goes on by itself when it may',
    async (_, error, limit) => {
      const platform = await suite.start({ dataDir });
      expect(await put(platform, 'before')).toBe(200);
      limited(platform, limit(platform));
      expect(await put(platform, 'during', 40_000)).toBe(503);
      expect(await put(platform, 'small')).toBe(503);
      expect(await unready(platform)).toContain(error);
      limited(platform, '--nofile=1000:');
      limited(platform, '--fsize=unlimited:');
      await until(() => isReady(platform), { what: 'the server to be ready again' });
      expect(await put(platform, 'after', 40_000)).toBe(200);
      await platform.kill();
      const second = await suite.start({ dataDir });
      const confirmed = new Map([
        ['before', 100],
        ['after', 40_000],
      ]);
      await expectAll(
        second,
        confirmed,
        new Map([
          ['during', 40_000],
          ['small', 100],
        ]),
      );
    },
    TEST_MS,
  );
});

describe('a server whose directory of entities', () => {
  test(
    'is removed confirms nothing any more; started again, it serves',
    async () => {
      const platform = await suite.start({ dataDir });
      expect(await put(platform, 'before')).toBe(200);
      rmSync(entities, { recursive: true });
      expect(await put(platform, 'after')).toBe(503);
      expect(await unready(platform)).toMatch(/documents/);
      mkdirSync(entities);
      expect(await put(platform, 'later')).toBe(503);
      await platform.stop();
      const second = await suite.start({ dataDir });
      expect(await put(second, 'again')).toBe(200);
    },
    TEST_MS,
  );

  test(
    'is replaced confirms nothing into the other; with its own back it goes on',
    async () => {
      const other = await suite.start({});
      expect(await put(other, 'others')).toBe(200);
      await other.stop();
      const platform = await suite.start({ dataDir });
      expect(await put(platform, 'before')).toBe(200);
      const aside = join(dataDir, 'aside');
      renameSync(entities, aside);
      renameSync(join(other.options.dataDir, 'entities'), entities);
      expect(await put(platform, 'lost')).toBe(503);
      await until(async () => /another store/.test(await unready(platform)), { what: 'the reason to be known' });
      expect(await put(platform, 'lost')).toBe(503);
      rmSync(entities, { recursive: true });
      renameSync(aside, entities);
      await until(() => isReady(platform), { what: 'the server to be ready again' });
      expect(await put(platform, 'after')).toBe(200);
      expect(existsSync(join(entities, 'lock'))).toBe(true);
      await platform.kill();
      const second = await suite.start({ dataDir });
      await expectAll(
        second,
        new Map([
          ['before', 100],
          ['after', 100],
        ]),
        new Map(),
      );
    },
    TEST_MS,
  );
});
