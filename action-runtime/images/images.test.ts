import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { extract } from 'tar-stream';
import { preinstalledPackages } from '../nodejs/index.js';
import { runImages } from './command.js';
import { buildImage } from './image-archive.js';
import { type ImageIdentity, imageIdentity, imageLabels } from './image-identity.js';
import { runtimeFiles } from './runtime-files.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const onLinux = process.platform === 'linux';
const identity: ImageIdentity = {
  version: '1.2.3',
  revision: 'unknown',
  created: '1970-01-01T00:00:00.000Z',
  node: '20.1.1',
};

describe('the files of the runtime', () => {
  const files = runtimeFiles().map(({ path }) => path);

  test('are the runtime, what it needs and what actions may count on', () => {
    expect(files).toContain('/opt/dataflower/action-runtime/start.js');
    expect(files).toContain('/opt/dataflower/node_modules/openwhisk/package.json');
    expect(files).toContain('/opt/dataflower/node_modules/yauzl/index.js');
    const packages = new Set(files.flatMap((file) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []));
    for (const own of ['@dataflower', 'dockerode', 'bare-fs', 'typescript', 'jest'])
      expect(packages).not.toContain(own);
  });

  test('show actions the packages that they may count on, and no other', () => {
    expect(files.filter((file) => file.startsWith('/node_modules/'))).toEqual(
      preinstalledPackages.map((name) => `/node_modules/${name}`),
    );
  });

  test('are no tests, no types, and nothing else of this repository', () => {
    const others = files.filter(
      (file) => !/^\/(?:opt\/dataflower\/(?:action-runtime|node_modules)|node_modules)\//.test(file),
    );
    expect(others).toEqual([]);
    expect(files.filter((file) => /\.test\.|testing|vectors|\.d\.ts$|\.map$|\/images\//.test(file))).toEqual([]);
  });
});

(onLinux ? describe : describe.skip)('an image that is made of this machine', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dataflower-images-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** The id of an image that is built and made from a copy in another folder. */
  function idFromCopy(name: string): string {
    const copy = path.join(directory, name, 'action-runtime');
    for (const file of ['dist', 'bundle.mjs', 'package.json']) {
      cpSync(path.join(repository, 'action-runtime', file), path.join(copy, file), {
        recursive: true,
        preserveTimestamps: true,
      });
    }
    for (const packages of ['node_modules', 'action-runtime/node_modules'])
      symlinkSync(path.join(repository, packages), path.join(directory, name, packages));
    spawnSync(process.execPath, [path.join(copy, 'bundle.mjs')]);
    const program = `
      const { buildImage } = await import(process.argv[1]);
      console.log((await buildImage(JSON.parse(process.argv[2]))).id);`;
    const module = path.join(copy, 'dist/images/image-archive.js');
    const args = ['--input-type=module', '-e', program, module, JSON.stringify(identity)];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: directory });
    return stdout.trim() || stderr;
  }

  test('is the same to the last byte when it is made again, elsewhere too', async () => {
    const id = idFromCopy('a');
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(idFromCopy('b')).toBe(id);
    const { id: one } = await buildImage(identity);
    expect((await buildImage(identity)).id).toBe(one);
    expect((await buildImage({ ...identity, version: '1.2.4' })).id).not.toBe(one);
  });

  test('is an archive whose files belong to root, have no time, and are writable by root alone but in /tmp', async () => {
    const { archive } = await buildImage(identity);
    const layers: string[] = [];
    const loose: string[] = [];
    const outer = archive().pipe(extract());
    for await (const entry of outer) {
      if (!entry.header.name.endsWith('layer.tar')) {
        entry.resume();
        continue;
      }
      layers.push(entry.header.name);
      for await (const file of entry.pipe(extract())) {
        const { header } = file;
        file.resume();
        if (header.uid !== 0 || header.gid !== 0 || header.mtime.getTime() !== 0) loose.push(header.name);
        if (header.type !== 'symlink' && (header.mode & 0o022) !== 0) loose.push(header.name);
      }
    }
    expect(layers).toHaveLength(2);
    expect(loose).toEqual(['tmp']);
  });
});

describe('npm run images', () => {
  async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
    const said = { out: '', err: '' };
    const status = await runImages(args, {
      out: (text) => (said.out += text),
      err: { write: (text) => (said.err += text) },
    });
    return { status, ...said };
  }

  test('tells how it is used, and refuses what it does not know with status 2', async () => {
    expect(await run('--help')).toMatchObject({ status: 0, out: expect.stringContaining('--base') as string });
    expect(await run('--version')).toMatchObject({ status: 0, out: imageIdentity().version });
    expect(await run('--nothing')).toMatchObject({ status: 2, err: expect.stringContaining('usage:') as string });
  });

  test('says what to do where no engine answers', () => {
    const program = fileURLToPath(new URL('./main.js', import.meta.url));
    const env = { ...process.env, DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const { status, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', env });
    expect(status).toBe(1);
    expect(stderr).toContain('npm run services -- up docker');
    expect(stderr).toContain('npm --silent run services -- status --env');
  });

  test('writes what docker build needs', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'dataflower-files-'));
    try {
      const command = `docker build --tag dataflower/action-nodejs:20 ${folder}`;
      expect(await run('--files', folder)).toMatchObject({ status: 0, out: command });
      expect(readdirSync(folder).sort()).toEqual(['Dockerfile', 'files']);
      // An image that is built by hand is known as this runtime, too.
      expect(readFileSync(path.join(folder, 'Dockerfile'), 'utf8')).toMatch(/\nLABEL dataflower\.protocol="1"\n$/);
      expect(statSync(path.join(folder, 'files/opt/dataflower/action-runtime/start.js')).isFile()).toBe(true);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test('the labels say which frames the runtime speaks, and what it was made of', () => {
  expect(imageLabels(identity)).toMatchObject({
    'dataflower.protocol': '1',
    'org.opencontainers.image.version': '1.2.3',
    'org.opencontainers.image.revision': 'unknown',
  });
});
