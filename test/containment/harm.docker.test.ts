import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeWithService } from '@dataflower/services';
import { type ActivationRecord, putAction, result, run } from '../testing/calls.js';
import { dockerEnvironment } from '../testing/docker.js';
import type { Platform } from '../testing/platform.js';
import { repositoryPath } from '../testing/command.js';
import { Suite } from '../testing/suite.js';

const MEMORY_MIB = 128;
const NO_MEMORY = 'The action exhausted its memory and was aborted.';
const DIED = 'The action did not produce a valid response and exited unexpectedly.';

const suite = Suite.open();

/** User code that tries to use up the machine is limited, its developer is told, and its neighbours do not notice. */
describeWithService('docker', 'harm from inside a container', ({ address }) => {
  describe.each(['outbound', 'none'] as const)('with the network %s', (network) => suiteOf(address, network));
});

function suiteOf(address: string, network: string): void {
  let platform: Platform;
  let stop = false;
  let neighbour: Promise<number>;

  beforeAll(async () => {
    stop = false;
    platform = await suite.start({
      environment: { ...(await dockerEnvironment(address)), DATAFLOWER_CONTAINERS_NETWORK: network },
    });
    const limits = { timeout: 20_000, memory: MEMORY_MIB, logs: 1 };
    const code = readFileSync(repositoryPath('test/containment/actions/harm.cjs'), 'utf8');
    await putAction(platform.api, 'harm', code, { limits });
    await putAction(platform.api, 'large', code, { limits: { ...limits, memory: 512 } });
    await putAction(platform.api, 'inc', 'function main({n}){return {n:n+1}}', { limits });
    await result(platform.api, 'inc', { n: 0 });
    neighbour = keepCalling();
  });

  afterAll(async () => {
    stop = true;
    expect(await neighbour).toBeGreaterThan(10);
    await platform.stop();
  });

  /** Calls another function all the while; every answer has to be right. */
  async function keepCalling(): Promise<number> {
    let calls = 0;
    for (; !stop; calls++) {
      expect(await result(platform.api, 'inc', { n: calls })).toEqual({ n: calls + 1 });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return calls;
  }

  const harm = async (kind: string, params: object = {}): Promise<ActivationRecord> =>
    (await run(platform.api, 'harm', { kind, ...params })).json;
  const errorOf = ({ response }: ActivationRecord): unknown => (response.result as { error?: unknown }).error;

  test('processes without end stop at the bound', async () => {
    const started = await result(platform.api, 'large', { kind: 'processes' });
    expect((started as { started: number }).started).toBeLessThan(256);
  });

  test.each(['heap', 'buffers'])(
    'memory without end (%s) is told as such',
    async (kind) => {
      expect(errorOf(await harm(kind))).toBe(NO_MEMORY);
    },
    300_000,
  );

  test('memory that is taken at once, or by a child, ends the container at its limit', async () => {
    expect([NO_MEMORY, DIED]).toContain(errorOf(await harm('buffersAtOnce')));
    const { response } = await harm('child');
    expect(response.success ? response.result : { signal: 'SIGKILL' }).toMatchObject({ signal: 'SIGKILL' });
  });

  test('what is written fills a bounded file system of its own', async () => {
    const { response } = await harm('disk');
    for (const { bytes, code } of Object.values(response.result as Record<string, { bytes: number; code: string }>)) {
      expect(code).toBe('ENOSPC');
      expect(bytes).toBeLessThanOrEqual((MEMORY_MIB / 2) * 2 ** 20);
    }
  });

  test('the buffers of sockets are bounded, as memory or beside it', async () => {
    const { response } = await harm('sockets', { count: 100 });
    if (response.success) expect((response.result as { bytes: number }).bytes).toBeLessThan(MEMORY_MIB * 2 ** 20);
    else expect([NO_MEMORY, DIED]).toContain(errorOf({ response } as ActivationRecord));
  });

  test('a million lines are cut at the limit of logs, through the runtime and past it', async () => {
    for (const kind of ['logs', 'lines']) {
      const { response, logs } = await harm(kind, { count: 1_000_000 });
      expect(kind === 'logs' ? response.success : true).toBe(true);
      expect(logs.join('\n').length).toBeLessThan(3 * 2 ** 20);
      // Output past the runtime is in the record as far as it has arrived when the run ends.
      if (kind === 'logs') expect(logs.length).toBeGreaterThan(1000);
    }
  });

  test('ten gigabytes are refused, said or made', async () => {
    expect([NO_MEMORY, DIED]).toContain(errorOf(await harm('value')));
    expect(errorOf(await harm('announced'))).toBe(DIED);
  });

  test('nobody speaks for another container, nor about an invocation that it was not given', async () => {
    // The form and the way are right: about its own run it is believed.
    expect((await harm('own')).response.result).toEqual({ forged: true });
    await harm('logs', { count: 1 });
    for (const from of [-1, 1, 1000]) expect(errorOf(await harm('others', { from }))).toBe(DIED);
    expect(errorOf(await harm('channel'))).toBe(DIED);
    expect(errorOf(await harm('hello'))).toBe(DIED);
  });
}
