import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../testing/command-line.js';

const GRAPH = {
  nodes: [{ id: 'n', kind: 'action', action: 'echo' }],
  edges: [
    { from: '$USER.params', to: 'n.in' },
    { from: 'n.out', to: '$USER.result' },
  ],
};

let server: Server;
let url: string;
let directory: string;
const put: string[] = [];
/** The server's description of itself. */
let info: [status: number, body: object];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'deploy-'));
  server = createServer((request, response) => {
    const asked = request.method === 'GET' && request.url === '/api/v1';
    if (!asked) put.push(request.url!);
    const [status, body] = asked ? info : [200, {}];
    request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(body)));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => void (put.length = 0));
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

async function deploy(name: string, content: string): Promise<{ code: number; err: string }> {
  const file = join(directory, name);
  await writeFile(file, content);
  return runCommand(['deploy', 'flow', file], { HOME: directory, __OW_API_HOST: url, __OW_API_KEY: 'a:b' });
}

const OPENWHISK: typeof info = [
  200,
  { description: 'OpenWhisk API', build: '2024-05-01T10:00:00Z', buildno: 'latest' },
];

test.each<[string, string, string, typeof info]>([
  ['graph', 'flow.graph.json', JSON.stringify(GRAPH), OPENWHISK],
  ['composition', 'flow.js', "module.exports = require('openwhisk-composer').seq('echo')", OPENWHISK],
  ['graph', 'other.graph.json', JSON.stringify(GRAPH), [404, { error: 'none' }]],
])('a %s that is put on another OpenWhisk is warned of (%s)', async (form, file, content, said) => {
  info = said;
  const { code, err } = await deploy(file, content);
  expect([code, err]).toEqual([0, expect.stringContaining(`only such a server can run a ${form}`)]);
  expect(put).toHaveLength(1);
});

test.each<[string, typeof info]>([
  ['a DataFlower server', [200, { build: 'dataflower 0.1.0' }]],
  ['a server that cannot say now', [503, {}]],
])('%s is not warned of', async (_, said) => {
  info = said;
  expect(await deploy('flow.graph.json', JSON.stringify(GRAPH))).toMatchObject({ code: 0, err: '' });
});
