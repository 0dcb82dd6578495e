import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { byKey } from '../testing/calls.js';
import { openWhiskTools } from '../testing/openwhisk-tools.js';
import { AnsweringProcess } from '../testing/answering-process.js';
import type { Platform } from '../testing/platform.js';
import { repositoryPath } from '../testing/command.js';
import { Suite } from '../testing/suite.js';

// A command line for OpenWhisk that npm has, with the same client and the same habits as OpenWhisk's own.
const suite = Suite.open();
let platform: Platform;
let commands: AnsweringProcess;

beforeAll(async () => {
  const plugin = join(await openWhiskTools(), 'node_modules/@adobe/aio-cli-plugin-runtime');
  platform = await suite.start();
  commands = new AnsweringProcess([repositoryPath('test/end-to-end/fixtures/run-aio.cjs'), plugin], {
    cwd: suite.directory,
    environment: {
      USE_RUNTIME_AUTH: 'true',
      HOME: suite.directory,
      XDG_CONFIG_HOME: suite.directory,
      NO_COLOR: '1',
      AIO_RUNTIME_NAMESPACE: '_',
    },
  });
}, 300_000);

/** The output of a command, and the cause when it failed. */
interface Ran {
  readonly printed: string;
  readonly error?: string;
}

async function aio(name: string, ...args: string[]): Promise<string> {
  const flags = ['--apihost', platform.url, '--auth', platform.authorization];
  const { printed, error } = await commands.ask<Ran>({ name, args: [...args, ...flags] });
  if (error !== undefined) throw new Error(`${name} failed: ${error}\n${printed}`);
  return printed;
}

/** The text printed after a title. */
function jsonIn(text: string): unknown {
  return JSON.parse(text.slice(text.indexOf('{')));
}

describe('with the command line of aio', () => {
  // Here, so that it is over before the suite looks for what is left.
  afterAll(() => commands.close());

  test('three actions and a sequence are created, invoked, and their activations read', async () => {
    for (const [name, add] of [
      ['one', 1],
      ['two', 2],
      ['three', 3],
    ] as const) {
      const file = join(suite.directory, `${name}.js`);
      writeFileSync(file, `function main(p) { console.log('${name} adds'); return { n: Number(p.n || 0) + ${add} } }`);
      await aio('action/create', name, file, '--kind', 'nodejs:20');
    }
    await aio('action/create', 'all', '--sequence', 'one,two,three');
    const list = JSON.parse(await aio('action/list', '--json')) as {
      name: string;
      annotations: { key: string; value: unknown }[];
    }[];
    expect(list.map(({ name }) => name).sort()).toEqual(['all', 'one', 'three', 'two']);
    expect(byKey(list.find(({ name }) => name === 'all')!.annotations).exec).toBe('sequence');

    expect(JSON.parse(await aio('action/invoke', 'all', '--blocking', '--result', '--param', 'n', '4'))).toEqual({
      n: 10,
    });
    const activations = JSON.parse(await aio('activation/list', '--json')) as {
      activationId: string;
      name: string;
      cause?: string;
      statusCode: number;
    }[];
    const top = activations.find(({ name }) => name === 'all')!;
    expect(top.statusCode).toBe(0);
    expect(
      activations
        .filter(({ cause }) => cause === top.activationId)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['one', 'three', 'two']);
    const whole = JSON.parse(await aio('activation/get', top.activationId));
    expect(whole.logs).toHaveLength(3);
    expect(JSON.parse(await aio('activation/result', top.activationId))).toMatchObject({ result: { n: 10 } });
    // Its `activation logs` first asks a log-forwarding service of its vendor's, so the lines are read from the record.
    expect(JSON.parse(await aio('activation/get', whole.logs[0])).logs.join()).toContain('one adds');
    expect(await aio('activation/list')).toContain('all');
    expect(jsonIn(await aio('action/get', 'one'))).toMatchObject({
      name: 'one',
      namespace: 'guest',
      exec: { kind: 'nodejs:20' },
    });
    await aio('action/delete', 'all');
    await expect(aio('action/get', 'all')).rejects.toThrow(/the requested resource does not exist|404/);
  });
});
