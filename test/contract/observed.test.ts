import { beforeAll, describe, expect, test } from '@jest/globals';
import { putAction } from '../testing/calls.js';
import type { Reply } from '../testing/api.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';
import { BODIES, MEMBERS, type Observed, OTHERWISE, QUERIES, ROUTES } from './observed-answers.js';

const suite = Suite.open();
let platform: Platform;

beforeAll(async () => {
  platform = await suite.start();
  await putAction(platform.api, 'dz-echo', 'function main(p) { return p }');
  await putAction(platform.api, 'dz-log', "function main() { process.stdout.write('no end'); return {} }");
});

const title = ({ ask, body, headers }: Observed): string =>
  [ask, body === undefined ? '' : JSON.stringify(body), headers === undefined ? '' : JSON.stringify(headers)].join(' ');
const rows = <T extends Observed>(list: readonly T[]): [string, T][] => list.map((row) => [title(row), row]);

/** An authorization or content type that is empty here is not sent. */
async function send({ ask, body, headers = {} }: Observed): Promise<Reply> {
  const [method, path] = ask.split(' ') as [string, string];
  return platform.api.ask(method, path.startsWith('/') ? path : `_/${path}`, {
    body,
    headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== '')),
    untyped: 'content-type' in headers,
    ...('authorization' in headers ? { authorization: undefined } : {}),
  });
}

async function expectAnswer(row: Observed): Promise<void> {
  const reply = await send(row);
  expect([reply.status, reply.json?.error]).toEqual([row.status, row.error]);
  expect(reply.headers).toMatchObject(row.answer ?? {});
}

describe('what a real OpenWhisk was seen to answer', () => {
  test.each(rows(ROUTES))('%s', async (_, row) => expectAnswer(row));
  test.each(rows(QUERIES))('%s', async (_, row) => expectAnswer(row));
  test.each(rows(MEMBERS))('%s', async (_, row) => expectAnswer(row));
  test.each(rows(BODIES))('%s', async (_, row) => expectAnswer(row));

  test('refused entities are not there', async () => {
    await platform.api.delete('_/actions/dz-one');
    for (const row of MEMBERS.filter(({ status }) => status === 400)) await send(row);
    expect((await platform.api.get('_/actions/dz-one')).status).toBe(404);
  });

  test('versions and keys read back as OpenWhisk keeps them (OW-20, OW-21)', async () => {
    const exec = { kind: 'nodejs:20', code: 'function main(p) { return p }', main: '' };
    const put = async (more: object): Promise<Reply> =>
      platform.api.put('_/actions/dz-two?overwrite=true', { exec, ...more });
    for (const [given, kept] of [
      ['1.2', '1.2.0'],
      ['7', '7.0.0'],
      ['1.2.3.4', '1.2.3'],
      ['01.+2.3', '1.2.3'],
    ])
      expect((await put({ version: given })).json.version).toBe(kept);
    const { json } = await put({
      parameters: [
        { key: ' ', value: 1 },
        { key: '', value: 2 },
      ],
    });
    expect(json).toMatchObject({ version: '1.2.4', exec: { main: '' } });
    expect((await platform.api.post('_/actions/dz-two?blocking=true&result=true', {})).json).toEqual({ ' ': 1, '': 2 });
  });
});

describe('where this server answers otherwise (docs/compatibility.md)', () => {
  test.each(rows(OTHERWISE))('%s', async (_, row) => {
    expect(row.deviation).toMatch(/^DV-\d+$/);
    await expectAnswer(row);
  });

  test('logs are in the answer, with the last line that has no end (DV-13)', async () => {
    const { json } = await platform.api.post('_/actions/dz-log?blocking=true', {});
    expect(json.logs).toEqual([expect.stringMatching(/ stdout: no end$/)]);
  });
});
