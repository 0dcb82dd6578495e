import { createStandalone, loadConfig, type Standalone, StartError } from '@dataflower/plugin';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Api } from '../kit/api.js';
import { putAction, putSequence, result } from '../kit/calls.js';
import { descendants } from '../kit/processes.js';
import { Suite } from '../kit/suite.js';

const suite = Suite.open();
const open: { server: Standalone; api: Api }[] = [];

async function start(dataDir = suite.folder('data')): Promise<Api> {
  const config = loadConfig({ environment: {}, overrides: { dataDir, logLevel: 'warn', server: { port: 0 } } });
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
