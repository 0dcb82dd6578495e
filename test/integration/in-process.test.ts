import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { createStandalone, type Standalone, StartError } from '@dataflower/dataflower/assembly';
import { loadConfig } from '@dataflower/dataflower/config';
import { Api } from '../testing/api.js';
import { putAction, putSequence, result } from '../testing/calls.js';
import { descendants } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
const open: { server: Standalone; api: Api }[] = [];

async function start(dataDir = suite.folder('data'), overrides: object = {}): Promise<Api> {
  const config = loadConfig({
    environment: { DATAFLOWER_CONTAINERS_DRIVER: 'process' },
    overrides: { dataDir, logLevel: 'warn', server: { port: 0 }, ...overrides },
  });
  const server = await createStandalone(config);
  const api = new Api(server.url, server.authorization);
  open.push({ server, api });
  return api;
}

async function stopAll(): Promise<void> {
  for (const { server, api } of open.splice(0)) {
    api.close();
    await server.close();
  }
}

afterEach(stopAll);

describe('createStandalone', () => {
  test('runs the whole platform inside this process, and close leaves no process', async () => {
    const before = descendants(process.pid).length;
    const api = await start();
    await putAction(api, 'inc', 'function main({n}){return {n:n+1}}');
    await putSequence(api, 'two', ['inc', 'inc']);
    expect(await result(api, 'two', { n: 1 })).toEqual({ n: 3 });
    expect(descendants(process.pid).length).toBeGreaterThan(before);
    await stopAll();
    expect(descendants(process.pid)).toHaveLength(before);
  });

  test('can be there twice at once, each with its own', async () => {
    const [one, two] = [await start(), await start()];
    await putAction(one, 'a', 'function main(){return {one:true}}');
    await putAction(two, 'a', 'function main(){return {two:true}}');
    expect([await result(one, 'a'), await result(two, 'a')]).toEqual([{ one: true }, { two: true }]);
  });

  test('gives one action no more containers than it is told, and leaves the others to other actions', async () => {
    const pids = async (containers: object, together: number): Promise<number> => {
      const api = await start(undefined, { containers: { max: 8, ...containers } });
      // Runs as long as the gate is closed: what is started beside it has to be another container.
      const code =
        "const fs=require('fs');async function main({folder}){fs.writeFileSync(folder+'/'+process.pid,'');while(!fs.existsSync(folder+'/open'))await new Promise(r=>setTimeout(r,5));return {pid:process.pid}}";
      await putAction(api, 'held', code);
      await putAction(api, 'other', 'function main(){return {ran:true}}');
      const folder = suite.folder('gate');
      const held = Array.from({ length: 3 }, () => result(api, 'held', { folder }));
      expect(await result(api, 'other')).toEqual({ ran: true });
      await until(() => readdirSync(folder).length >= together, { what: 'as many to run as may' });
      writeFileSync(join(folder, 'open'), '');
      return new Set((await Promise.all(held)).map(({ pid }) => pid as number)).size;
    };
    expect(await pids({}, 2)).toBeGreaterThan(1);
    expect(await pids({ maxPerAction: 1 }, 1)).toBe(1);
  });

  test('closed twice, closes once', async () => {
    await start();
    const { server } = open[0]!;
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });

  test('refuses a directory that is in use, by an error that says so', async () => {
    const dataDir = suite.folder('data');
    await start(dataDir);
    const error = await start(dataDir).catch((thrown: unknown) => thrown as Error);
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toContain('is in use by another process');
  });
});
