import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import type { Reply } from '../testing/api.js';
import { type ActivationRecord, putAction, run, stored } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { describeAsRoot, SmallDisk } from '../testing/small-file-systems.js';
import { Suite } from '../testing/suite.js';

// A file system of its own can only be mounted by root.

const suite = Suite.open();
let dataDir: string;
let records: string;
let disk: SmallDisk;
let platform: Platform;

beforeEach(async () => {
  dataDir = suite.folder('data');
  records = join(dataDir, 'records');
  disk = SmallDisk.mount(records, 512 * 1024);
  platform = await suite.start({ dataDir });
  await putAction(platform.api, 'inc', 'function main({n}){return {n:n+1}}');
  await putAction(platform.api, 'large', "function main({n}){return {n, text:'x'.repeat(30000)}}");
  expect((await run(platform.api, 'inc', { n: 1 })).status).toBe(200);
});

afterEach(async () => {
  disk.free();
  await platform.stop();
  disk.unmount();
});

const refuses = (): Promise<unknown> =>
  until(
    async () => {
      const health = await platform.api.get('/health');
      return health.status === 503 && health.json.reasons.some(({ check }: { check: string }) => check === 'records');
    },
    { what: 'it to take nothing more' },
  );

/** Calls until one is not answered, since its record is not written as a whole; gives it, and what was answered. */
async function fillUp(): Promise<{ readonly answered: ActivationRecord[]; readonly waiting: Promise<Reply> }> {
  const answered: ActivationRecord[] = [];
  for (;;) {
    const waiting = run(platform.api, 'large', { n: answered.length });
    const first = await Promise.race([waiting, refuses()]);
    if (first === undefined || !(first as Reply).status) return { answered, waiting };
    const { status, json } = first as Reply;
    if (status === 503) throw new Error('It refused what it could have taken.');
    answered.push(json as ActivationRecord);
  }
}

describeAsRoot('on a disk that is full in the middle of a record', () => {
  test('nothing is answered that is not written; it takes nothing more until there is room, and then all is there', async () => {
    disk.fill(20);
    const { answered, waiting } = await fillUp();
    let isAnswered = false;
    waiting.then(
      () => (isAnswered = true),
      () => undefined,
    );
    for (const query of ['?blocking=true', '']) {
      expect(await platform.api.post(`_/actions/inc${query}`, { n: 1 })).toMatchObject({
        status: 503,
        headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
        json: { error: expect.stringContaining('There is no room for activation records') },
      });
    }
    expect(isAnswered).toBe(false);
    for (const one of answered) expect(await stored(platform.api, one.activationId)).toEqual(one);
    disk.free();
    const late = await waiting;
    expect(late.status).toBe(200);
    await until(async () => (await platform.api.get('/health')).status === 200, { what: 'it to take work' });
    const after = await run(platform.api, 'inc', { n: 1 });
    expect(after.status).toBe(200);

    // The file is whole: there is no other way to read it now.
    await platform.kill();
    for (const name of readdirSync(records)) if (name.endsWith('.idx')) rmSync(join(records, name));
    platform = await suite.start({ dataDir });
    for (const { json } of [...answered.map((json) => ({ json })), late, after])
      expect(await stored(platform.api, (json as ActivationRecord).activationId)).toEqual(json);
    expect(readdirSync(records).filter((name) => name.startsWith('damaged-'))).toEqual([]);
  });

  test('killed then, it starts with what it had answered, and no half of anything', async () => {
    disk.fill(20);
    const { answered, waiting } = await fillUp();
    await platform.kill();
    await expect(waiting).rejects.toThrow();
    disk.free();
    platform = await suite.start({ dataDir });
    const listed = (await platform.api.get('_/activations?name=large&docs=true&limit=200')).json as ActivationRecord[];
    expect(listed).toEqual([...answered].reverse());
    expect(await platform.api.get('/health')).toMatchObject({ status: 200, json: { status: 'ready' } });
    expect((await run(platform.api, 'inc', { n: 1 })).status).toBe(200);
  });
});
