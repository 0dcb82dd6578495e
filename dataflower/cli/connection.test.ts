import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandLine, type CommandRun, startCommandLine } from '../testing/command-line.js';
import type { TestServer } from '../testing/server.js';

// How a command finds the API and the key.

let commandLine: CommandLine;
let server: TestServer;
let directory: string;
beforeAll(async () => {
  commandLine = await startCommandLine();
  ({ server, directory } = commandLine);
});
afterAll(() => commandLine.close());

const run = (environment: Record<string, string>, ...args: string[]): Promise<CommandRun> =>
  commandLine.run(['invoke', 'echo', ...args], { HOME: join(directory, 'none'), ...environment });

test.each([
  ['white space around the equals sign', (url: string, auth: string) => `APIHOST = ${url}\nAUTH\t=\t${auth} \n`],
  ['comments', (url: string, auth: string) => `# a comment = here\nAPIHOST=${url} # local\nAUTH=${auth}# mine\n`],
  ['a slash at the end', (url: string, auth: string) => `APIHOST=${url}/\nAUTH=${auth}`],
  [
    'lines of Windows and a byte order mark',
    (url: string, auth: string) => `\ufeffAPIHOST=${url}//\r\nAUTH=${auth}\r\n`,
  ],
  ['a scheme in capitals', (url: string, auth: string) => `APIHOST=${url.replace('http', 'HTTP')}\nAUTH=${auth}`],
])('a property file with %s is read', async (_, text) => {
  const path = join(directory, 'props');
  await writeFile(path, text(server.url, server.auth));
  expect(await run({ WSK_CONFIG_FILE: path, __OW_API_HOST: '' })).toMatchObject({ code: 0, err: '' });
});

test('a property file that is not there says nothing, one that cannot be read is named', async () => {
  expect((await run({ WSK_CONFIG_FILE: join(directory, 'nowhere') })).err).toContain('give --apihost and --auth');
  const path = join(directory, 'directory');
  await mkdir(path);
  expect(await run({ WSK_CONFIG_FILE: path })).toMatchObject({
    code: 1,
    err: `dataflower: ${path} cannot be read (EISDIR: it is a directory, a file is needed).`,
  });
  expect(await run({ WSK_CONFIG_FILE: path }, '--apihost', `${server.url}/`, '--auth', server.auth)).toMatchObject({
    code: 0,
  });
});

test('an address without a scheme is https, and who has no answer is told of http', async () => {
  const address = server.url.replace('http://', '');
  const { code, err } = await run({}, '--apihost', `${address}/`, '--auth', server.auth);
  expect(code).toBe(1);
  expect(err).toMatch(
    /^dataflower: https:\/\/[^ ]+ does not answer \([A-Z_]+\): is it a local server\? Try http:\/\/\S+\.$/,
  );
  expect(err).toContain(`Try http://${address}.`);
});

test.each([
  'http://',
  'ftp://x',
  'a b',
  'http://user:pass@host',
  'http://host/?a=b',
  'http://host#x',
  '',
  '/',
  'http:///x',
])('%j is not an API host', async (address) => {
  expect(await run({ __OW_API_KEY: 'a:b' }, '--apihost', address)).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('is not an API host'),
  });
});

test.each(['.', '..', '', '../x', 'A'.repeat(32)])('%j is no activation id', async (id) => {
  for (const command of ['cancel', 'explain'])
    expect(await commandLine.run([command, id])).toMatchObject({
      code: 2,
      err: `dataflower: "${id}" is no activation id: 32 hex digits.`,
    });
});
