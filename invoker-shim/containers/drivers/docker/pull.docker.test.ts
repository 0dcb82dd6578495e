import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { until } from '@dataflower/common/testing';
import { describeWithService, dockerOptions } from '@dataflower/services';
import { createExecutor } from '../../pool/container-executor.js';
import { MemorySink } from '../../../sink/testing/memory-sink.js';
import { type TestRun, execute, testSpec } from '../../testing/test-runs.js';
import { openDockerDriver } from './index.js';
import type { PullPolicy } from './engine/images.js';
import { Registry } from './testing/registry.js';

/** Far less than a fetch takes here. */
const HELLO_MS = 3000;

describeWithService('docker', 'an image that is not on the host', ({ address }) => {
  const engine = new Docker(dockerOptions(address));
  let registry: Registry;
  let sink: MemorySink;
  let socketDir: string;

  beforeEach(async () => {
    registry = await Registry.start();
    sink = new MemorySink();
    socketDir = mkdtempSync(path.join(os.tmpdir(), 'dfd-'));
  });
  afterEach(async () => {
    const tiny = registry.name('tiny');
    await registry.close();
    rmSync(socketDir, { recursive: true });
    await engine
      .getImage(tiny)
      .remove()
      .catch(() => undefined);
    expect(sink.live).toBe(0);
  });

  async function run(
    pull: PullPolicy,
    image: string,
    during: () => Promise<void> = () => Promise.resolve(),
  ): Promise<TestRun> {
    const driver = await openDockerDriver({ dockerHost: address, images: {}, pull });
    const executor = createExecutor({ sink, socketDir, driver, helloTimeoutMs: HELLO_MS });
    try {
      const it = execute(executor, sink, testSpec({ kind: 'blackbox', image }), { input: sink.of({}) });
      await during();
      await it.done;
      return it;
    } finally {
      await executor.close(1000);
    }
  }

  it('is fetched when that is allowed, however long it takes', async () => {
    const image = registry.name('tiny');
    let open = (): void => undefined;
    registry.gate = new Promise((resolve) => (open = resolve));
    const it = await run('missing', image, async () => {
      await until(() => registry.asked.some((url) => url.includes('/blobs/')), { what: 'it is being fetched' });
      const since = performance.now();
      await until(() => performance.now() - since > 2 * HELLO_MS, { what: 'a container would have been given up' });
      open();
    });
    // It has no program: that is known of an image that is here.
    expect(it.end).toMatchObject({ status: 2, value: { error: `executable file not found in image ${image}` } });
  });

  it('and not where it should come from ends the run with what OpenWhisk says', async () => {
    const image = registry.name('absent');
    expect((await run('missing', image)).end).toMatchObject({
      status: 2,
      value: { error: `Failed to pull container image '${image}'.` },
    });
  });

  it('is not asked for when that is not allowed', async () => {
    const it = await run('never', registry.name('tiny'));
    expect(it.end).toMatchObject({
      status: 2,
      value: { error: expect.stringContaining('images are not fetched here') },
    });
    expect(registry.asked).toEqual([]);
  });
});
