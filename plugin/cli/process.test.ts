import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { send } from '../test-support/http-client.js';
import { temporaryDirectory } from '../test-support/server.js';

const MAIN = fileURLToPath(new URL('main.js', import.meta.url));
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
async function start(): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, 'standalone', '--port', '0', '--data', directory], {
    stdio: ['ignore', 'pipe', 'ignore'],
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
