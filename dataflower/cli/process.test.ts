import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { send, temporaryDirectory } from '@dataflower/common/testing';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
let directory: string;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => rm(directory, { recursive: true }));

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly auth: string;
}

/** A server in a process of its own, from the moment it says that it is ready. */
async function start(args = ['standalone', '--data', directory]): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, ...args, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    // An engine of this machine is not to decide what is tested.
    env: { ...process.env, DATAFLOWER_CONTAINERS_DRIVER: 'process' },
  });
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.includes('Ready.')) break;
  }
  const [, url, auth] = /--apihost (\S+) --auth (\S+)/.exec(text)!;
  return { child, url: url!, auth: auth! };
}

const call = ({ url, auth }: Running, method: string, path: string, body?: object) =>
  send(url, method, `/api/v1/namespaces/_/actions/${path}`, { auth, ...(body === undefined ? {} : { body }) });

async function stop({ child }: Running, signal: NodeJS.Signals): Promise<unknown[]> {
  const exit = once(child, 'exit');
  child.kill(signal);
  return exit;
}

test('a server runs an action, stops with 0 at SIGTERM, and after kill -9 has everything that it confirmed', async () => {
  const first = await start();
  expect(
    (
      await call(first, 'PUT', 'twice', {
        exec: { kind: 'nodejs:20', code: 'function main({ n }) { return { n: 2 * n } }' },
      })
    ).status,
  ).toBe(200);
  expect((await call(first, 'POST', 'twice?blocking=true&result=true', { n: 21 })).json).toEqual({ n: 42 });
  expect(await stop(first, 'SIGTERM')).toEqual([0, null]);

  const second = await start();
  expect(second.auth).toBe(first.auth);
  expect(
    (await call(second, 'PUT', 'thrice', { exec: { kind: 'sequence', components: ['/_/twice', '/_/twice'] } })).status,
  ).toBe(200);
  expect(await stop(second, 'SIGKILL')).toEqual([null, 'SIGKILL']);

  const third = await start();
  expect((await call(third, 'POST', 'thrice?blocking=true&result=true', { n: 1 })).json).toEqual({ n: 4 });
  expect(await stop(third, 'SIGINT')).toEqual([0, null]);
});

test('a plugin that is stopped while its only host cannot be reached records first what it had taken', async () => {
  const file = join(directory, 'plugin.yaml');
  // Nobody listens on port 1.
  await writeFile(
    file,
    'cluster: { secret: a secret of at least thirty-two characters }\nhosts: [{ id: a, address: "127.0.0.1:1" }]\n',
  );
  const args = ['plugin', '--config', file, '--data', join(directory, 'plugin')];
  const first = await start(args);
  await call(first, 'PUT', 'echo', { exec: { kind: 'nodejs:20', code: 'function main(p) { return p }' } });
  const taken = await call(first, 'POST', 'echo', {});
  expect(taken.status).toBe(202);
  expect(await stop(first, 'SIGTERM')).toEqual([0, null]);

  const second = await start(args);
  const { activationId } = taken.json as { activationId: string };
  const { url, auth } = second;
  const record = await send(url, 'GET', `/api/v1/namespaces/_/activations/${activationId}`, { auth });
  expect(record).toMatchObject({ status: 200, json: { response: { success: false } } });
  expect(await stop(second, 'SIGTERM')).toEqual([0, null]);
});
