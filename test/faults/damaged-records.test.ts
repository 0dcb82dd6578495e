import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { type ActivationRecord, putAction, run } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform | undefined;

afterEach(async () => {
  await platform?.stop();
});

/** Changes one bit behind the place where a text is for the first time. */
function damage(file: string, text: string, bytesBehind = 0): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(text);
  expect(at).toBeGreaterThan(0);
  bytes[at + bytesBehind]! ^= 0x10;
  writeFileSync(file, bytes);
}

test.each([
  ['with the index of the file', true],
  ['without an index', false],
])(
  'a record file with flipped bits, %s: the damaged records are left out and told, all others are served',
  async (_title, withIndex) => {
    platform = await suite.start();
    const { dataDir } = platform.options;
    await putAction(platform.api, 'say', 'function main({text}){return {text}}');
    const all: ActivationRecord[] = [];
    for (const text of ['one', 'two', 'three', 'four', 'five'])
      all.push((await run(platform.api, 'say', { text: `it says ${text}` })).json as ActivationRecord);
    await platform.stop();
    const directory = join(dataDir, 'records');
    const file = join(directory, 'records-000000000001.log');
    // The result of one, the head of another.
    damage(file, '"it says two"', 0);
    damage(file, `["${all[3]!.activationId}"`, 40);
    if (!withIndex) for (const name of readdirSync(directory)) if (name.endsWith('.idx')) rmSync(join(directory, name));
    const whole = [all[4]!, all[2]!, all[0]!];

    platform = await suite.start({ dataDir });
    const { api } = platform;
    for (const docs of ['', '&docs=true']) {
      const { status, json } = await api.get(`_/activations?name=say${docs}`);
      expect(status).toBe(200);
      const ids = (json as ActivationRecord[]).map(({ activationId }) => activationId);
      expect(ids).toEqual(whole.map(({ activationId }) => activationId));
      if (docs !== '') expect(json).toEqual(whole);
    }
    for (const one of all) {
      const expected = whole.includes(one) ? { status: 200, json: one } : { status: 404 };
      expect(await api.get(`_/activations/${one.activationId}`)).toMatchObject(expected);
      for (const part of ['result', 'logs'])
        expect(await api.get(`_/activations/${one.activationId}/${part}`)).toMatchObject({ status: expected.status });
    }
    const kept = readdirSync(directory).filter((name) => name.startsWith('damaged-'));
    expect(kept.length).toBe(2);
    const health = await api.get('/health');
    expect(health).toMatchObject({ status: 200, json: { status: 'degraded' } });
    expect(health.json.reasons).toEqual([
      { check: 'record files', severity: 'degraded', reason: expect.stringContaining(join(directory, kept[0]!)) },
    ]);
    expect((await api.get('/metrics')).text).toMatch(/^dataflower_records_damaged_total [1-9]/m);
    for (const name of kept) expect(platform.output()).toContain(name);

    // Once it was seen to, all is well, and stays so.
    for (const name of kept) rmSync(join(directory, name));
    expect(await api.get('/health')).toMatchObject({ status: 200, json: { status: 'ready' } });
    const more = (await run(api, 'say', { text: 'six' })).json as ActivationRecord;
    await platform.stop();
    platform = await suite.start({ dataDir });
    expect((await platform.api.get('_/activations?name=say&docs=true')).json).toEqual([more, ...whole]);
    expect(await platform.api.get('/health')).toMatchObject({ status: 200, json: { status: 'ready' } });
  },
  300_000,
);
