import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandLine, type CommandRun, startCommandLine } from '../testing/command-line.js';
import type { TestServer } from '../testing/server.js';

let commandLine: CommandLine;
let server: TestServer;
let directory: string;
beforeAll(async () => {
  commandLine = await startCommandLine();
  ({ server, directory } = commandLine);
});
beforeEach(() => {
  server.host.script = () => ({});
});
afterAll(() => commandLine.close());

const invoke = (...args: string[]): Promise<CommandRun> => commandLine.run(['invoke', ...args]);
const file: CommandLine['file'] = (...given) => commandLine.file(...given);

/** The body that the server received. */
const sent = (): string => server.host.messages.at(-1)!.payload.toString();

test.each([
  [['sha', '12e4567'], '{"sha":"12e4567"}'],
  [['n', '12345678901234567890'], '{"n":12345678901234567890}'],
  [['n', '1e400'], '{"n":"1e400"}'],
  [['n', '{"a":-1e400}'], '{"n":"{\\"a\\":-1e400}"}'],
  [['n', '1.0'], '{"n":1.0}'],
  [['n', '-0'], '{"n":-0}'],
  [['n', '007'], '{"n":"007"}'],
  [['n', ''], '{"n":""}'],
  [['n', '"a text"'], '{"n":"a text"}'],
  [['__proto__', '{"a":1}'], '{"__proto__":{"a":1}}'],
  [['constructor', 'x'], '{"constructor":"x"}'],
  [['', '1'], '{"":1}'],
  [['a"\\\n', '1'], '{"a\\"\\\\\\n":1}'],
])('-p %j is sent as %s', async ([name, value], body) => {
  expect(await invoke('echo', '-p', name!, value!)).toMatchObject({ code: 0, err: '' });
  expect(sent()).toBe(body);
});

test.each([
  [['-p', 'a', '1', 'echo'], '{"a":1}'],
  [['--param', 'a', '1', 'echo', '-p', 'b', 'x'], '{"a":1,"b":"x"}'],
  [['echo', '-p', 'o', '--x'], '{"o":"--x"}'],
  [['echo', '-p', 'o', '--version'], '{"o":"--version"}'],
  [['echo', '-p', 'o', '-h'], '{"o":"-h"}'],
  [['echo', '-p', '-p', '-p'], '{"-p":"-p"}'],
  [['echo', '-p', 'o', '--'], '{"o":"--"}'],
  [['-p', '--apihost', 'x', '--result', 'echo'], '{"--apihost":"x"}'],
  [['echo', '-p', 'a', '1', '-p', 'a', '2'], '{"a":2}'],
  [['echo'], '{}'],
])('%j is read as wsk reads it', async (args, body) => {
  expect(await invoke(...args)).toMatchObject({ code: 0, err: '' });
  expect(sent()).toBe(body);
});

test('parameters come from files too, and of two with one name the later counts', async () => {
  const path = await file(
    'p.json',
    '\ufeff{ "a": 12345678901234567890, "b": [1e400, "}"], "__proto__": {"x": 1.0} }\n',
  );
  expect(await invoke('echo', '-p', 'a', '1', '-P', path, '-p', 'b', '2')).toMatchObject({ code: 0, err: '' });
  expect(sent()).toBe('{"a":12345678901234567890,"b":2,"__proto__":{"x":1.0}}');
});

test.each([
  ['none.json', undefined, 1, 'none.json cannot be read (ENOENT: there is no such file).'],
  ['directory', 'directory', 1, 'directory cannot be read (EISDIR: it is a directory, a file is needed).'],
  ['empty.json', '', 2, 'empty.json is not JSON: '],
  ['list.json', '[1]', 2, 'list.json holds no JSON object: parameters are written {"NAME": VALUE}.'],
  ['null.json', 'null', 2, 'null.json holds no JSON object'],
  ['binary', Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff]), 2, 'binary is not JSON: '],
])('a parameter file, %s, is refused with its name', async (name, content, code, text) => {
  const path = join(directory, name);
  if (content === 'directory') await mkdir(path);
  else if (content !== undefined) await file(name, content);
  const run = await invoke('echo', '-P', path);
  expect(run).toMatchObject({ code, out: '' });
  expect(run.err).toContain(`dataflower: ${join(directory, text)}`);

  expect(run.err).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
});

test.each([['-p'], ['-p', 'a'], ['--param', 'a'], ['-P'], ['--param=a', '1'], ['-x']])(
  '%j is wrong usage',
  async (...args) => {
    expect(await invoke('echo', ...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/./) });
  },
);

test('the result is printed as the server has written it', async () => {
  server.host.script = () => ({ result: '{"n":12345678901234567890,"f":[1.0,1e400],"e":{}}' });
  const { out } = await invoke('echo', '--result');
  expect(out).toBe('{\n  "n": 12345678901234567890,\n  "f": [\n    1.0,\n    1e400\n  ],\n  "e": {}\n}');
  expect((await invoke('echo', '--json')).out).toContain('"result":{"n":12345678901234567890,"f":[1.0,1e400],"e":{}}');
});

test.each(['.', '..', './echo', '../echo', 'p/..', '/_/.', ' .. ', '/../echo'])('%j is no name', async (name) => {
  const before = server.host.messages.length;
  expect(await invoke(name)).toEqual({
    code: 2,
    out: '',
    err: `dataflower: "${name}" cannot be the name of an action: an action is NAME, PACKAGE/NAME, or either with /NAMESPACE/ before it.`,
  });
  expect(server.host.messages).toHaveLength(before);
});
