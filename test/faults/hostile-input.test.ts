import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { renamed, tarGz, tarGzOfMany, zip } from '../testing/archives.js';
import { type ActivationRecord, KIND, byKey, putAction, putGated, result, run } from '../testing/calls.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;

beforeAll(async () => {
  platform = await suite.start();
  await putAction(platform.api, 'echo', 'function main(a){return a}');
});

afterEach(async () => {
  expect(platform.isRunning).toBe(true);
  expect(await result(platform.api, 'echo', { alive: true })).toEqual({ alive: true });
});

describe('bodies', () => {
  const bodies: [string, string | Buffer][] = [
    ['nothing but a bracket', '{'],
    ['a list', '[]'],
    ['a number', '5'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['a very deep list', `{"exec":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['a very deep object', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['a long number', `{"a":${'9'.repeat(100_000)}}`],
    ['keys of prototypes', '{"__proto__":{"exec":{"kind":"nodejs:20","code":""}},"constructor":{"prototype":{"x":1}}}'],
  ];

  test.each(bodies)('%s: a PUT is refused with 400 and JSON', async (_what, body) => {
    const reply = await platform.api.put('_/actions/hostile', body);
    expect(reply.status).toBe(400);
    expect(reply.json).toEqual({ error: expect.any(String), code: expect.any(String) });
    expect((await platform.api.get('_/actions/hostile')).status).toBe(404);
  });

  test.each(bodies)('%s: an invocation is answered, never with 500', async (_what, body) => {
    const reply = await platform.api.post('_/actions/echo?blocking=true&result=true', body);
    expect([200, 400, 502]).toContain(reply.status);
    if (reply.status === 400) expect(reply.json).toEqual({ error: expect.any(String), code: expect.any(String) });
  });
});

describe('archives', () => {
  const main = 'exports.main=()=>({ran:true})';
  const outside = join('/tmp', 'dft-escaped.js');

  test.each([
    ['a parent', '../escaped.js'],
    ['an absolute path', '/tmp/dft-escaped.js'],
    ['a parent inside', 'a/../../../escaped.js'],
    ['a backslash', '..\\escaped.js'],
  ])('a zip that leads out of its folder by %s is a developer error and writes nothing there', async (_what, to) => {
    const from = 'x'.repeat(to.length);
    await putAction(platform.api, 'escapes', renamed(await zip({ 'index.js': main, [from]: 'escaped' }), from, to));
    const { status, json } = await run(platform.api, 'escapes');
    expect(existsSync(outside)).toBe(false);
    expect(status).toBe(502);
    expect(json.response.status).toBe('action developer error');
  });

  test('so is a tar.gz', async () => {
    await putAction(platform.api, 'escapes', await tarGz({ 'index.js': main, '../escaped.js': 'escaped' }));
    const { status, json } = await run(platform.api, 'escapes');
    expect(status).toBe(502);
    expect(json.response.status).toBe('action developer error');
  });

  const zeros = Buffer.alloc(100 * 1024 * 1024);
  const bombs: [string, () => Promise<Buffer>][] = [
    [
      'zip',
      () => zip({ 'index.js': main, ...Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`z${i}`, zeros])) }, 1),
    ],
    ['tar.gz', () => tarGzOfMany({ 'index.js': main }, { zeros }, 6)],
  ];

  test.each(bombs)(
    'a %s bomb is a developer error, soon',
    async (_name, make) => {
      const bomb = await make();
      expect(bomb.length).toBeLessThan(4 * 1024 * 1024);
      await putAction(platform.api, 'bomb', bomb);
      const { status, json } = await run(platform.api, 'bomb');
      expect(status).toBe(502);
      expect(json.response.status).toBe('action developer error');
      expect(json.response.result.error).toMatch(/unpacked|bytes/);
    },
    300_000,
  );
});

describe('graphs', () => {
  const action = (id: string, more: object = {}) => ({
    id,
    kind: 'action',
    action: '/_/echo',
    inputs: { in: 'NORMAL' },
    outputs: {},
    ...more,
  });
  const edge = (from: string, to: string) => ({ from, to });
  const graphs: [string, unknown, RegExp][] = [
    [
      'a cycle',
      {
        version: 1,
        nodes: [action('a'), action('b')],
        edges: [edge('a.out', 'b.in'), edge('b.out', 'a.in'), edge('b.out', '$USER.result')],
      },
      /cycle|itself/i,
    ],
    [
      'a dangling port',
      {
        version: 1,
        nodes: [action('a')],
        edges: [edge('$USER.params', 'a.in'), edge('a.out', 'nobody.in'), edge('a.out', '$USER.result')],
      },
      /nobody/,
    ],
    [
      'an input that nothing feeds',
      {
        version: 1,
        nodes: [action('a', { inputs: { in: 'NORMAL', two: 'NORMAL' } })],
        edges: [edge('$USER.params', 'a.in'), edge('a.out', '$USER.result')],
      },
      /two/,
    ],
    [
      'two edges into one port',
      {
        version: 1,
        nodes: [action('a'), action('b'), action('c')],
        edges: [
          edge('$USER.params', 'a.in'),
          edge('$USER.params', 'b.in'),
          edge('a.out', 'c.in'),
          edge('b.out', 'c.in'),
          edge('c.out', '$USER.result'),
        ],
      },
      /c\.in/,
    ],
    [
      'the same id twice',
      {
        version: 1,
        nodes: [action('a'), action('a')],
        edges: [edge('$USER.params', 'a.in'), edge('a.out', '$USER.result')],
      },
      /a/,
    ],
    ['an unknown kind of node', { version: 1, nodes: [{ id: 'a', kind: 'magic' }], edges: [] }, /magic/],
    [
      'an action that is not qualified',
      {
        version: 1,
        nodes: [action('a', { action: 'echo' })],
        edges: [edge('$USER.params', 'a.in'), edge('a.out', '$USER.result')],
      },
      /echo/,
    ],
    ['another version', { version: 2, nodes: [], edges: [] }, /version/],
    ['nothing', undefined, /graph/i],
    ['a text', 'a → b', /graph/i],
    ['nodes that are no list', { version: 1, nodes: {}, edges: [] }, /nodes/],
  ];

  test.each(graphs)(
    "with %s are 400 with the compiler's text, and nothing is stored (DV-15)",
    async (_what, graph, text) => {
      const annotations = [{ key: 'dataflower', value: { version: 1, graph } }];
      const reply = await platform.api.put('_/actions/graph', {
        exec: { kind: KIND, code: 'function main(){}' },
        annotations,
      });
      expect(reply.status).toBe(400);
      expect(reply.json.error).toMatch(text);
      expect((await platform.api.get('_/actions/graph')).status).toBe(404);
    },
  );

  test.each([5, 'x', null, [], { version: 9, graph: {} }])(
    'an annotation dataflower that is %j is 400, or only stored, never 500',
    async (value) => {
      const reply = await platform.api.put('_/actions/graph', {
        exec: { kind: KIND, code: 'function main(){return {}}' },
        annotations: [{ key: 'dataflower', value }],
      });
      expect([200, 400]).toContain(reply.status);
      if (reply.status === 200) await platform.api.delete('_/actions/graph');
    },
  );

  test.each([
    { type: 'magic' },
    { type: 'sequence', components: 'none' },
    { type: 'action', name: 5 },
    { type: 'let', declarations: [], components: [{}] },
    { type: 'sequence', components: [{ type: 'function', function: { exec: { kind: KIND, code: '(((' } } }] },
  ])('an annotation conductor of %j never ends in 500', async (ast) => {
    const annotations = [
      { key: 'conductor', value: ast },
      { key: 'composerVersion', value: '0.12.0' },
    ];
    const put = await platform.api.put('_/actions/composed?overwrite=true', {
      exec: { kind: KIND, code: 'function main(){return {plain:true}}' },
      annotations,
    });
    expect([200, 400]).toContain(put.status);
    if (put.status === 200) expect([200, 400, 502]).toContain((await run(platform.api, 'composed')).status);
  });
});

describe('a workflow that runs itself again and again', () => {
  const twice = (name: string): object => ({
    exec: { kind: KIND, code: 'function main() { return {} }' },
    annotations: [
      {
        key: 'conductor',
        value: {
          type: 'parallel',
          components: [
            { type: 'action', name: `/_/${name}` },
            { type: 'action', name: `/_/${name}` },
          ],
        },
      },
      { key: 'composerVersion', value: '0.12.0' },
    ],
  });
  const started = async ({ api }: Platform): Promise<string> => {
    expect((await api.put('_/actions/twice?overwrite=true', twice('twice'))).status).toBe(200);
    return (await api.post('_/actions/twice', {})).json.activationId as string;
  };
  const ended = async ({ api }: Platform, id: string): Promise<ActivationRecord> =>
    until(
      async () => {
        const reply = await api.get(`_/activations/${id}`);
        return reply.status === 200 ? (reply.json as ActivationRecord) : undefined;
      },
      { what: 'the end of the workflow' },
    );

  test('is ended by its budget, with an error that names the key, and others are served meanwhile', async () => {
    const small = await suite.start({ environment: { DATAFLOWER_LIMITS_WORKFLOW_INSTANCES: '20000' } });
    await putAction(small.api, 'echo', 'function main(a){return a}');
    const id = await started(small);
    expect(await result(small.api, 'echo', { served: true })).toEqual({ served: true });
    const { response, logs } = await ended(small, id);
    expect(response.status).toBe('application error');
    expect(response.result).toEqual({
      error: 'The workflow starts more than 20000 instances (limits.workflowInstances).',
    });
    expect(logs).toHaveLength(2);
    await small.stop();
  });

  test('is cancelled while it runs', async () => {
    const id = await started(platform);
    expect((await platform.api.delete(`_/activations/${id}`)).status).toBe(202);
    const record = await ended(platform, id);
    expect(record.response.result).toEqual({ error: 'The activation was cancelled.' });
    expect(byKey(record.annotations)).toMatchObject({ cancelled: true });
  });

  test('ends at the time limit of workflows, which there is by default', async () => {
    const short = await suite.start({ environment: { DATAFLOWER_LIMITS_WORKFLOW_TIMEOUT_MS: '300' } });
    const { response } = await ended(short, await started(short));
    expect(response.result).toEqual({ error: 'The workflow exceeded its time limit of 300 milliseconds.' });
    await short.stop();
  });

  test('does not keep a server from ending when it is asked to', async () => {
    const stopped = await suite.start({ environment: { DATAFLOWER_SERVER_DRAIN_MS: '200' } });
    await started(stopped);
    expect(await stopped.stop()).toMatchObject({ code: 0 });
  });
});

describe('paths and queries', () => {
  test.each(
    [
      '_/actions/%2e%2e%2f%2e%2e',
      '_/actions/..%2F..%2Fetc',
      '_/actions/a%00b',
      '_/actions//x',
      '/api/v1/namespaces/../../etc/passwd',
      '/api/v1/namespaces/_design/actions/x',
      '/api/v1/namespaces/_/activations/..%2f..',
      `/api/v1/namespaces/${'n'.repeat(5000)}/actions`,
      `_/actions?limit=${'9'.repeat(5000)}`,
      '_/actions?limit[]=1&limit=2',
      '_/activations?since=99999999999999999999999',
      '//',
      '/%',
    ].map((path) => ({ path, title: path.slice(0, 60) })),
  )('$title is below 500', async ({ path }) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      const reply = await platform.api.ask(method, path, method === 'GET' || method === 'DELETE' ? {} : { body: {} });
      expect(reply.status).toBeLessThan(500);
    }
  });

  test("a namespace cannot be reached by the names of the store's own documents", async () => {
    for (const name of ['_design', '_local', 'guest%2Fecho'])
      expect([400, 403, 404]).toContain((await platform.api.get(`/api/v1/namespaces/${name}/actions/echo`)).status);
  });
});

/** Writes raw bytes and gives what comes back until the other side closes. */
function raw(text: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(platform.url).port), '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.setTimeout(10_000, () => socket.destroy(new Error('The server neither answered nor closed.')));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      socket.end();
    });
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve('') : reject(error),
    );
    socket.once('close', () => resolve(Buffer.concat(chunks).toString()));
    socket.write(text);
  });
}

describe('what is no HTTP', () => {
  test.each([
    ['noise', Buffer.alloc(1000, 0xfe)],
    ['a wrong first line', 'HELLO\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['endless headers', `GET /ping HTTP/1.1\r\nHost: localhost\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`],
    ['no Host', 'GET /ping HTTP/1.1\r\n\r\n'],
  ])('%s is refused or closed', async (_what, bytes) => {
    expect(await raw(bytes)).toMatch(/^$|^HTTP\/1\.1 4\d\d /);
  });
});

describe('slow and half-open clients', () => {
  test('are cut off, and others are served meanwhile', async () => {
    const strict = await suite.start({
      environment: { DATAFLOWER_SERVER_HEADERS_TIMEOUT_MS: '500', DATAFLOWER_SERVER_REQUEST_TIMEOUT_MS: '1000' },
    });
    await putAction(strict.api, 'echo', 'function main(a){return a}');
    const port = Number(new URL(strict.url).port);
    const authorization = `Authorization: Basic ${Buffer.from(strict.authorization).toString('base64')}`;
    const openings = [
      '',
      'GET /ping HT',
      `POST /api/v1/namespaces/_/actions/echo HTTP/1.1\r\nHost: localhost:${port}\r\n${authorization}\r\nContent-Length: 100\r\n\r\n{"a":`,
    ];
    const sockets = Array.from({ length: 60 }, (_, i) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      socket.write(openings[i % 3]!);
      return {
        closed: new Promise<void>((resolve) => socket.once('end', resolve).once('close', () => resolve())),
        socket,
      };
    });
    for (let i = 0; i < 20; i++) expect(await result(strict.api, 'echo', { i })).toEqual({ i });
    // Those that have sent something are waited for no longer than configured; one that says nothing is an idle connection.
    await Promise.all(sockets.filter((_, i) => i % 3 !== 0).map(({ closed }) => closed));
    for (const { socket } of sockets) socket.destroy();
    await strict.stop();
  });

  test('a client that leaves in the middle of its wait changes nothing', async () => {
    const gate = join(suite.directory, 'gate');
    await putGated(platform.api, 'waits');
    const { port } = new URL(platform.url);
    const body = JSON.stringify({ gate });
    const sockets = Array.from({ length: 10 }, () => connect(Number(port), '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.write(
        `POST /api/v1/namespaces/_/actions/waits?blocking=true HTTP/1.1\r\nHost: localhost:${port}\r\nAuthorization: Basic ${Buffer.from(platform.authorization).toString('base64')}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    }
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    for (const socket of sockets) socket.resetAndDestroy();
    writeFileSync(gate, '');
    expect(await result(platform.api, 'waits', { gate })).toEqual({ done: true });
  });

  test('1 000 connections at once, and others are served', async () => {
    const port = Number(new URL(platform.url).port);
    const sockets = await Promise.all(
      Array.from(
        { length: 1000 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve, reject) => {
            const socket = connect(port, '127.0.0.1', () => resolve(socket));
            socket.once('error', reject);
          }),
      ),
    );
    try {
      for (let i = 0; i < 10; i++) expect(await result(platform.api, 'echo', { i })).toEqual({ i });
      const answers = await Promise.all(
        sockets.map(
          (socket) =>
            new Promise<string>((resolve, reject) => {
              socket.once('error', reject);
              socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
              socket.write(`GET /ping HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
            }),
        ),
      );
      expect(answers.every((text) => text.startsWith('HTTP/1.1 200'))).toBe(true);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe('a server that cannot start says why, in one line each, and ends', () => {
  const start = (args: string[], environment: Record<string, string> = {}) =>
    dataflower(['standalone', ...args], {
      environment: { HOME: suite.temporaryDir, TMPDIR: suite.temporaryDir, ...environment },
    });

  test('a port that is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await start(['--port', String(port), '--data', suite.folder('data')]);
    await new Promise((resolve) => other.close(resolve));
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^dataflower: The port ${port} .*in use.*--port.*\n$`));
  });

  test('a data directory that is a file, or that cannot be made', async () => {
    const file = join(suite.directory, 'file');
    writeFileSync(file, '');
    for (const directory of [file, join(file, 'below'), '/proc/nothing']) {
      const { code, stderr } = await start(['--port', '0', '--data', directory]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^dataflower: The data directory .* cannot be written.*\n$/);
    }
  });

  test('a data directory that another server has', async () => {
    const { code, stderr } = await start(['--port', '0', '--data', platform.options.dataDir]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dataflower: The data directory .* is in use by another process.*\n$/);
  });

  test('a wrong configuration: all problems at once, each with its path', async () => {
    const file = join(suite.directory, 'wrong.yaml');
    writeFileSync(file, 'server:\n  port: many\n  prot: 1\nthrottles:\n  invocationsPerMinute: -1\nnonsense: true\n');
    const { code, stderr } = await start(['--config', file, '--data', suite.folder('data')], {
      DATAFLOWER_CONTAINERS_MAX: 'lots',
    });
    expect(code).not.toBe(0);
    for (const path of ['server.port', 'server.prot', 'throttles.invocationsPerMinute', 'nonsense', 'containers.max'])
      expect(stderr).toContain(path);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each([
    ['a configuration that is no YAML', 'a: [1,\nb: }'],
    ['one that is a list', '- 1\n- 2'],
  ])('%s', async (_what, text) => {
    const file = join(suite.directory, 'broken.yaml');
    writeFileSync(file, text);
    const { code, stderr } = await start(['--config', file, '--data', suite.folder('data')]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('broken.yaml');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('a configuration file that is not there', async () => {
    const { code, stderr } = await start(['--config', '/nowhere/at/all.yaml', '--data', suite.folder('data')]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('/nowhere/at/all.yaml');
  });

  test.each(['--port 99999', '--port x', '--nonsense', '--data'])('wrong usage: %s', async (args) => {
    const { code, stderr } = await start(args.split(' '));
    expect(code).toBe(2);
    expect(stderr).not.toBe('');
  });

  test('entities that are damaged', async () => {
    const data = suite.folder('damaged');
    mkdirSync(join(data, 'entities'), { recursive: true });
    writeFileSync(join(data, 'entities', 'CURRENT'), 'nonsense');
    const { code, stderr } = await start(['--port', '0', '--data', data]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dataflower: .*entities/);
  });

  test('the well-known key off loopback', async () => {
    const { code, stderr } = await start([
      '--port',
      '0',
      '--host',
      '0.0.0.0',
      '--well-known-key',
      '--data',
      suite.folder('data'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dataflower: The well-known key/);
  });
});

describe('a composition file', () => {
  test.each([
    ['that throws', "throw new Error('on purpose')", 'on purpose'],
    ['that does not parse', 'module.exports = (', 'SyntaxError'],
    ['that exports something else', 'module.exports = 5', 'Invalid argument'],
    ['that uses a combinator wrongly', "module.exports = require('openwhisk-composer').if('a')", 'Invalid argument'],
  ])('%s is refused in one line, with what is wrong', async (_what, text, says) => {
    const file = join(suite.directory, 'composition.js');
    writeFileSync(file, text);
    for (const command of [
      ['graph', file],
      ['deploy', 'x', file, '--apihost', platform.url, '--auth', platform.authorization],
    ]) {
      const { code, stderr } = await dataflower(command, {
        environment: { TMPDIR: suite.temporaryDir, HOME: suite.temporaryDir },
      });
      expect(code).toBe(1);
      expect(stderr).toContain(says);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
    expect((await platform.api.get('_/actions/x')).status).toBe(404);
  });
});
