import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { silentLogger } from '@dataflower/common';
import { describeWithService, dockerOptions } from '@dataflower/services';
import { createExecutor } from '../../pool/container-executor.js';
import type { ContainerSpec, Executor } from '../../executor.js';
import { DockerImages } from '../../openwhisk-runtime/testing/docker-images.js';
import { MemorySink } from '../../../sink/testing/memory-sink.js';
import { type TestRun, type TestRunOptions, execute, testSpec } from '../../testing/test-runs.js';
import { openDockerDriver } from './index.js';

describeWithService('docker', 'images of other people, on an engine', ({ address }) => {
  const images = new DockerImages(address);
  const names: Record<string, string> = {};
  let sink: MemorySink;
  let executor: Executor;
  let socketDir: string;
  /** Warnings of the executor: one for each container that is stopped for a reason. */
  const warned: string[] = [];

  beforeAll(async () => {
    const odd = ['COPY odd-image.js /srv/', 'ENV PORT=8080 HOST=0.0.0.0', 'CMD ["node", "/srv/odd-image.js"]'];
    const native = ['COPY native-image.js /srv/', 'CMD ["node", "/srv/native-image.js"]'];
    names['odd'] = await images.build('odd', { lines: odd });
    names['plain'] = await images.build('plain', { lines: [] });
    names['skeleton'] = await images.build('skeleton', { lines: native });
    names['native'] = await images.build('native', {
      lines: [...native, 'COPY exec /action/exec'],
      files: {
        exec: `#!/usr/local/bin/node\nconsole.log('inside'); console.log(JSON.stringify({ baked: JSON.parse(process.argv[2]) }));`,
      },
    });
    names['greedy'] = await images.build('greedy', {
      lines: ['VOLUME ["/data/", "/tmp"]', 'HEALTHCHECK --interval=1s CMD ["node", "-e", "0"]'],
    });
    names['user'] = await images.build('user', { lines: ['VOLUME /data', 'USER 7:7'] });
    const volumes = JSON.stringify(Array.from({ length: 33 }, (_, i) => `/v${i}`));
    names['many volumes'] = await images.build('many-volumes', { lines: [`VOLUME ${volumes}`] });
    const label = 'x'.repeat(40_000);
    names['long labels'] = await images.build('long-labels', {
      lines: [`LABEL one="${label}"`, `LABEL two="${label}"`],
    });
    names['labels with escapes'] = await images.build('escaped-labels', {
      lines: [`LABEL one="${'<&>'.repeat(4000)}"`],
    });
    names['none'] = await images.build('none', { lines: ['CMD ["/there/is/no/such/program"]'] });
    socketDir = mkdtempSync(path.join(os.tmpdir(), 'dfd-'));
    sink = new MemorySink();
    const driver = await openDockerDriver({ dockerHost: address, images: { default: await images.own() } });
    const logger = { ...silentLogger, warn: (_: object, text: string) => void warned.push(text) };
    executor = createExecutor({ sink, socketDir, driver, maxContainers: 4, helloTimeoutMs: 60_000, logger });
  });

  afterAll(async () => {
    await executor.close(1000);
    rmSync(socketDir, { recursive: true });
    await images.remove();
    await sink.close();
    expect(sink.live).toBe(0);
  });

  async function run(
    image: string,
    params: object,
    over: Partial<ContainerSpec> & { code?: string } = {},
    options: TestRunOptions = {},
  ): Promise<TestRun> {
    const key = `guest/${image}@${over.code ?? ''}`;
    const bringsCode = (over.code ?? '') !== '';
    const it = execute(
      executor,
      sink,
      testSpec({ key, kind: 'blackbox', image: names[image] ?? image, bringsCode, ...over }),
      {
        ...options,
        input: sink.of(params),
      },
    );
    await it.done;
    return it;
  }
  async function inspect(image: string): Promise<Docker.ContainerInspectInfo> {
    const docker = new Docker(dockerOptions(address));
    const filters = JSON.stringify({ ancestor: [names[image]!], label: ['dataflower.process'] });
    const [container] = await docker.listContainers({ filters });
    return docker.getContainer(container!.Id).inspect();
  }
  const texts = (it: TestRun): string[] => it.end!.logs.map((line) => line.slice(31));

  it('run what they have in them, with their logs', async () => {
    const code = 'function main(p) { console.log("n", p.n); return { n: p.n + 1, home: process.env.HOME }; }';
    const first = await run('plain', { n: 1 }, { code });
    expect(first.end).toMatchObject({ status: 0, value: { n: 2 }, coldStart: true });
    const second = await run('plain', { n: 2 }, { code });
    expect(second.end).toMatchObject({ status: 0, value: { n: 3 }, coldStart: false });
    expect(texts(second)).toEqual(['stdout: n 2']);
  });

  it("give the same as this project's own, which is known by its label and can emit", async () => {
    const code =
      'async function main(p, c) { if (p.part) await c.emit("part", { i: 1 }); console.log("said"); return p; }';
    const own = await images.own();
    for (const image of [own, 'plain']) {
      const it = await run(image, { n: 1 }, { code });
      expect([it.end!.status, it.end!.value, texts(it)]).toEqual([0, { n: 1 }, ['stdout: said']]);
    }
    const definition = { definition: { outputs: ['part'], ports: false }, ports: ['part'] };
    expect((await run(own, { part: true }, { code }, definition)).emits).toEqual([{ port: 'part', value: { i: 1 } }]);
    expect((await run('plain', { part: true }, { code }, definition)).error).toContain('its image has no emit');
  });

  it('have an executable that the action brings, or that is in the image', async () => {
    const code = `#!/usr/local/bin/node\nconsole.log('said'); console.log(JSON.stringify({ brought: JSON.parse(process.argv[2]).n }));`;
    const brought = await run('skeleton', { n: 7 }, { code });
    expect(brought.end).toMatchObject({ status: 0, value: { brought: 7 } });
    expect(texts(brought)).toEqual(['stdout: said']);
    expect((await run('native', { n: 8 })).end).toMatchObject({ status: 0, value: { baked: { n: 8 } } });
  });

  it('end as any container does: by time, by themselves, for want of memory', async () => {
    expect((await run('odd', { do: 'hang' }, { timeoutMs: 5000 })).end).toMatchObject({ status: 2, timedOut: true });
    expect((await run('odd', { do: 'exits' })).error).toBe(
      'The action did not produce a valid response and exited unexpectedly.',
    );
    const code = 'function main() { const held = []; for (;;) held.push(Buffer.alloc(1 << 24, 1)); }';
    expect((await run('plain', {}, { code })).error).toBe('The action exhausted its memory and was aborted.');
    expect((await run('odd', { still: 1 })).end).toMatchObject({ status: 0 });
  });

  it('write their volumes into bounded memory, and nothing runs in them but the action', async () => {
    const code = `function main() {
      const fs = require('fs');
      const file = fs.openSync('/data/full', 'w');
      let written = 0;
      try { for (; written < 200; written++) fs.writeSync(file, Buffer.alloc(1 << 20)); }
      catch (error) { return { code: error.code, written, tmp: fs.statSync('/tmp').isDirectory() }; }
      return { written };
    }`;
    const it = await run('greedy', {}, { code, memoryMiB: 128 });
    expect(it.end!.value).toEqual({ code: 'ENOSPC', written: 64, tmp: true });
    expect((await inspect('greedy')).State).not.toHaveProperty('Health');
  });

  it('run as a user that no other container has, whoever they say, and can write where they may', async () => {
    const code = `function main() {
      const fs = require('fs');
      for (const place of ['/tmp', '/action', '/data']) fs.writeFileSync(place + '/x', '');
      return { uid: process.getuid(), gid: process.getgid(), groups: process.getgroups() };
    }`;
    const users = [];
    for (const other of ['', '//']) {
      const { value } = (await run('user', {}, { code: code + other })).end!;
      const { uid, gid, groups } = value as { uid: number; gid: number; groups: number[] };
      expect([gid, groups]).toEqual([uid, [uid]]);
      users.push(uid);
    }
    expect(users.every((uid) => uid >= 1_000_000_000)).toBe(true);
    expect(new Set(users).size).toBe(2);
  });

  it('send no name queries where the network is closed', async () => {
    await run('odd', { still: 1 });
    // Named none, the engine would ask in the machine's own name where its resolver is on loopback.
    expect((await inspect('odd')).HostConfig.Dns).toEqual(['127.0.0.1']);
  });

  it.each(['many volumes', 'long labels', 'labels with escapes'])('are refused for %s', async (image) => {
    expect((await run(image, {})).error).toMatch(/^The action cannot run: the image \S+ has more than /);
    expect((await run('odd', { still: 1 })).end).toMatchObject({ status: 0 });
  });

  it.each([
    ['/proc', 'plain', 'has a volume at /proc, where none can be'],
    ['/run/../proc/x/', 'plain', 'has a volume at /run/../proc/x/, where none can be'],
    ['/', 'plain', 'has a volume at /, where none can be'],
    ['/etc/hosts', 'plain', 'has a volume at /etc/hosts, where none can be'],
    ['/run/dataflower', 'own', 'has a volume at /run/dataflower, where none can be'],
    ['/run/dataflower/x', 'own', 'has a volume at /run/dataflower/x, where none can be'],
    ['/etc/passwd', 'plain', 'has no room for a directory at /etc/passwd, such as one of its volumes'],
    ['/etc/passwd/x', 'plain', 'has no room for a directory at /etc/passwd/x, such as one of its volumes'],
  ])('are refused once for a volume at %s', async (volume, base, reason) => {
    const image = await images.withVolume(names[base] ?? (await images.own()), volume);
    const before = warned.length;
    expect((await run(image, {})).error).toBe(`The action cannot run: the image ${image} ${reason}.`);
    expect(warned.length - before).toBe(1);
  });

  it('that are not there, or have no program, say so', async () => {
    expect((await run('dataflower-test/there-is-none', {})).end).toMatchObject({
      status: 2,
      value: {
        error:
          "Failed to pull container image 'dataflower-test/there-is-none'. It is not on this host, and images are not fetched here (containers.images.pull).",
      },
    });
    expect((await run('none', {})).end).toMatchObject({
      status: 2,
      value: { error: `executable file not found in image ${names['none']!}` },
    });
  });
});
