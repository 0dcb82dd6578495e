import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const RUN_MS = 300_000;
const dist = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));
const jest = fileURLToPath(new URL('../../../../node_modules/jest/bin/jest.js', import.meta.url));

/** A run of jest of its own, over one file that needs CouchDB for one of its two tests. */
describe('describeWithService', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dataflower-jest-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Writes the one test file of the folder. */
  function writeTest(file: string): void {
    writeFileSync(
      path.join(directory, file),
      `import { describeWithService } from ${JSON.stringify(dist('index.js'))};
     test('needs nothing', () => undefined);
     describeWithService('couchdb', 'the store', ({ address }) => {
       test('writes', () => expect(address).toBe('http://a:b@127.0.0.1:1'));
     });`,
    );
  }

  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module", "jest": { "transform": {} } }');
  writeTest('one.couchdb.test.js');

  function run(environment: Record<string, string>): Promise<{ code: number | null; said: string }> {
    const { PATH } = process.env;
    const reporters = ['default', dist('testing/missing-services.js')].map((name) => `--reporters=${name}`);
    const child = spawn(process.execPath, ['--experimental-vm-modules', '--no-warnings', jest, ...reporters], {
      cwd: directory,
      env: { PATH, DATAFLOWER_SERVICES: path.join(directory, 'none'), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_MS,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, said }));
    });
  }

  test(
    'runs the suite with what the environment names',
    async () => {
      const { code, said } = await run({ COUCHDB_URL: 'http://a:b@127.0.0.1:1' });
      expect(said).toContain('2 passed');
      expect(said).not.toContain('Not run');
      expect(code).toBe(0);
    },
    RUN_MS,
  );

  test(
    'without the service it runs the rest, and ends with one line that says what did not run',
    async () => {
      const { code, said } = await run({});
      expect(said).toContain('1 passed');
      const lines = said.split('\n').filter((line) => line.includes('Not run'));
      expect(lines).toEqual([
        'Not run without couchdb: the store. To run it: npm run services -- up couchdb (or set COUCHDB_URL).',
      ]);
      expect(code).toBe(0);
    },
    RUN_MS,
  );

  test(
    'refuses a file whose name does not say which service it needs',
    async () => {
      rmSync(path.join(directory, 'one.couchdb.test.js'));
      writeTest('one.test.js');
      try {
        const { code, said } = await run({});
        expect(said).toContain('name the file *.couchdb.test.ts');
        expect(code).toBe(1);
      } finally {
        rmSync(path.join(directory, 'one.test.js'));
        writeTest('one.couchdb.test.js');
      }
    },
    RUN_MS,
  );

  test(
    'fails without the service where it has to be there',
    async () => {
      const { code, said } = await run({ CI: 'true' });
      expect(said).toContain('There is no couchdb: run "npm run services -- up couchdb", or set COUCHDB_URL.');
      expect(said).toContain('1 failed');
      expect(code).toBe(1);
    },
    RUN_MS,
  );
});
