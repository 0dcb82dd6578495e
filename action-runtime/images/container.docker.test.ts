import { describeWithService, dockerOptions } from '@dataflower/services';
import Docker from 'dockerode';
import { zipOf } from '../nodejs/testing/archives.js';
import { preinstalledPackages } from '../nodejs/index.js';
import { buildOnBase } from './build-on-base.js';
import { type EnsuredImage, ensureImage } from './ensure-image.js';
import { imageIdentity } from './image-identity.js';

/** Tells what packages are to it, whichever way it asks for them. */
const PROBE = `exports.main = async ({ names }) => {
  const found = {};
  for (const name of names) {
    try { found[name] = typeof require(name) } catch { continue }
    await import(name);
  }
  return found;
}`;
const names = [...preinstalledPackages, 'yauzl', 'needle', 'async-retry', 'denque', 'ms', 'dockerode', 'tar-stream'];

const BUILD_MS = 300_000;
const ANSWER_MS = 120_000;
const LOST_MS = 5_000;
const LABEL = 'dataflower.test.images';
const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

describeWithService('docker', 'the image in Docker', ({ address }) => {
  const docker = new Docker(dockerOptions(address));
  const started: Docker.Container[] = [];
  let image: EnsuredImage;
  let network: Docker.Network;

  beforeAll(async () => {
    image = await ensureImage(docker);
    network = await docker.createNetwork({ Name: `dataflower-test-${process.pid}`, Labels: { [LABEL]: '1' } });
  }, BUILD_MS);

  afterAll(() => network.remove());

  afterEach(async () => {
    for (const container of started.splice(0)) await container.remove({ force: true, v: true });
  });

  /** A container as a plain OpenWhisk starts it, and stricter: it answers on a port of loopback. */
  async function start(
    name = image.name,
    environment: string[] = [],
  ): Promise<(path: string, body: unknown) => Promise<[number, unknown]>> {
    const container = await docker.createContainer({
      Image: name,
      Env: environment,
      Labels: { [LABEL]: '1' },
      HostConfig: {
        NetworkMode: network.id,
        ReadonlyRootfs: true,
        Tmpfs: { '/tmp': 'size=32m,mode=1777' },
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Memory: 256 * 1024 * 1024,
        PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }] },
      },
    });
    started.push(container);
    await container.start();
    const { NetworkSettings } = await container.inspect();
    const url = `http://127.0.0.1:${NetworkSettings.Ports['8080/tcp']![0]!.HostPort}`;
    return async (path, body) => {
      const deadline = Date.now() + ANSWER_MS;
      for (;;) {
        try {
          // The engine takes connections before the container listens, and may lose them.
          const signal = AbortSignal.timeout(LOST_MS);
          const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), signal });
          return [response.status, await response.json()];
        } catch (error) {
          // It does not listen yet.
          if (Date.now() >= deadline) throw error;
          await new Promise(setImmediate);
        }
      }
    };
  }

  async function logs(): Promise<string> {
    return (await started[0]!.logs({ stdout: true, stderr: true })).toString();
  }

  test(
    'is not made again when it is there',
    async () => {
      expect(await ensureImage(docker)).toEqual({ ...image, made: false });
    },
    BUILD_MS,
  );

  test('says whose it is, and runs as a user that is not root', async () => {
    const { Config, RepoTags } = await docker.getImage(image.name).inspect();
    const { version, node } = imageIdentity();
    expect(RepoTags).toEqual(
      expect.arrayContaining([version, 'latest', node.split('.')[0]].map((tag) => `dataflower/action-nodejs:${tag!}`)),
    );
    expect(Config.Labels).toMatchObject({ 'dataflower.protocol': '1', 'org.opencontainers.image.version': version });
    expect(Config).toMatchObject({ User: '1000:1000', ExposedPorts: { '8080/tcp': {} } });
  });

  test('answers /init and /run on 8080 as under a plain OpenWhisk, with logs', async () => {
    const post = await start();
    const code =
      'function main({ name }) { console.log("for", name); return { hello: name, key: process.env.__OW_API_KEY }; }';
    expect(await post('/init', { value: { main: 'main', code } })).toEqual([200, { OK: true }]);
    expect(await post('/run', { value: { name: 'you' }, api_key: 'k' })).toEqual([200, { hello: 'you', key: 'k' }]);
    expect(await post('/init', { value: { main: 'main', code } })).toMatchObject([403, {}]);
    expect(await logs()).toMatch(new RegExp(`for you[^]*${SENTINEL}`));
  });

  test('takes an archive, whose code finds the packages of the list without bringing them, and no others', async () => {
    const post = await start();
    const zip = await zipOf({ 'package.json': '{ "main": "index.js" }', 'index.js': PROBE });
    expect(await post('/init', { value: { main: 'main', binary: true, code: zip.toString('base64') } })).toEqual([
      200,
      { OK: true },
    ]);
    const found = Object.fromEntries(preinstalledPackages.map((name) => [name, expect.any(String) as string]));
    expect(await post('/run', { value: { names } })).toEqual([200, found]);
    expect(await post('/run', { value: { names: ['openwhisk'] } })).toEqual([200, { openwhisk: 'function' }]);
  });

  test('shows the same packages to code that came as text', async () => {
    const post = await start();
    await post('/init', { value: { main: 'main', code: PROBE } });
    const [, found] = await post('/run', { value: { names } });
    expect(Object.keys(found as object)).toEqual([...preinstalledPackages]);
  });

  test('lets functions write in /tmp alone, which is where they are, and start a shell', async () => {
    const post = await start();
    const code = `function main() {
      const { writeFileSync } = require('node:fs');
      const attempt = (file) => { try { writeFileSync(file, 'x'); return 'written'; } catch ({ code }) { return code; } };
      const files = ['here', '/tmp/there', '/opt/x', '/etc/passwd', '/node_modules/x', '/x'];
      const { username, uid } = require('node:os').userInfo();
      return { files: files.map(attempt), username, uid, shell: require('node:child_process').execSync('echo $((1+1))').toString() };
    }`;
    await post('/init', { value: { main: 'main', code } });
    expect(await post('/run', { value: {} })).toEqual([
      200,
      { files: ['written', 'written', 'EROFS', 'EROFS', 'EROFS', 'EROFS'], username: 'node', uid: 1000, shell: '2\n' },
    ]);
  });

  test('refuses writes elsewhere when the file system is not read-only either', async () => {
    const container = await docker.createContainer({
      Image: image.name,
      Labels: { [LABEL]: '1' },
      Cmd: [
        'sh',
        '-c',
        'for f in /x /opt/x /usr/local/bin/node /node_modules/x; do (echo > $f) 2>/dev/null && echo $f; done; exit 0',
      ],
      NetworkDisabled: true,
    });
    started.push(container);
    await container.start();
    expect(await container.wait()).toMatchObject({ StatusCode: 0 });
    expect(await logs()).toBe('');
  });

  test('takes several runs at once where it is told to', async () => {
    const post = await start(image.name, ['__OW_ALLOW_CONCURRENT=true']);
    const code = `let first;
      function main({ n }) {
        if (first !== undefined) return first({ n: 1 }), { n };
        return new Promise((resolve) => { first = resolve; });
      }`;
    await post('/init', { value: { main: 'main', code } });
    const runs = await Promise.all([post('/run', { value: { n: 2 } }), post('/run', { value: { n: 2 } })]);
    expect(runs).toEqual(
      expect.arrayContaining([
        [200, { n: 1 }],
        [200, { n: 2 }],
      ]),
    );
  });

  test(
    'built by the Dockerfile on an image that has Node, it is the same for a client',
    async () => {
      const name = 'dataflower/test-on-base:1';
      const progress: string[] = [];
      await buildOnBase(docker, imageIdentity(), image.name, (text) => progress.push(text), [name]);
      try {
        const [one, other] = await Promise.all([image.name, name].map((tag) => docker.getImage(tag).inspect()));
        for (const key of ['User', 'WorkingDir', 'ExposedPorts'] as const)
          expect(other!.Config[key]).toEqual(one!.Config[key]);
        expect(other!.Config.Labels['dataflower.protocol']).toBe('1');
        const post = await start(name);
        await post('/init', { value: { main: 'main', code: 'function main(a) { return a; }' } });
        expect(await post('/run', { value: { n: 1 } })).toEqual([200, { n: 1 }]);
      } finally {
        for (const container of started.splice(0)) await container.remove({ force: true });
        await docker.getImage(name).remove();
      }
      expect(progress.join('\n')).toContain('COPY files/ /');
    },
    BUILD_MS,
  );

  test(
    'says what to do when the base cannot be had',
    async () => {
      const build = buildOnBase(docker, imageIdentity(), 'localhost:1/none', () => undefined, [
        'dataflower/test-on-base:2',
      ]);
      await expect(build).rejects.toThrow('npm run images -- --base IMAGE');
    },
    BUILD_MS,
  );
});
