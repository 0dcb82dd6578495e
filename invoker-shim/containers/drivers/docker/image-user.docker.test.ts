import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describeWithService } from '@dataflower/services';
import { createExecutor } from '../../pool/container-executor.js';
import type { Executor } from '../../executor.js';
import { DockerImages } from '../../openwhisk-runtime/testing/docker-images.js';
import { MemorySink } from '../../../sink/testing/memory-sink.js';
import { execute, testSpec } from '../../testing/test-runs.js';
import { openDockerDriver } from './index.js';

describeWithService('docker', 'images that may run as who they say', ({ address }) => {
  const images = new DockerImages(address);
  const sink = new MemorySink();
  let socketDir: string;
  let executor: Executor;

  beforeAll(async () => {
    socketDir = mkdtempSync(path.join(os.tmpdir(), 'dfd-'));
    const driver = await openDockerDriver({ dockerHost: address, images: {}, imageUser: 'image' });
    executor = createExecutor({ sink, socketDir, driver, helloTimeoutMs: 60_000 });
  });
  afterAll(async () => {
    await executor.close(1000);
    await images.remove();
    rmSync(socketDir, { recursive: true });
    await sink.close();
  });

  it.each([
    ['by name', ['USER 7:7'], 7],
    ['as root', ['USER root'], 0],
  ])(
    'run so %s',
    async (_, lines, uid) => {
      const image = await images.build(`user-${uid}`, { lines });
      const code = 'function main() { return { uid: process.getuid() }; }';
      const spec = testSpec({ key: image, kind: 'blackbox', image, bringsCode: true, code });
      const it = execute(executor, sink, spec, { input: sink.of({}) });
      await it.done;
      expect(it.end!.value).toEqual({ uid });
    },
    300_000,
  );
});
