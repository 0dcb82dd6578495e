import { createServer, type Socket } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

/**
 * A server of `/init` and `/run` whose answers a test controls byte by byte: the action's code selects the behaviour of
 * `/init`, the member `do` of the parameters that of `/run`. It writes on the socket itself, so that answers can be malformed.
 */
const MARKER = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

interface Request {
  readonly path: string;
  readonly headers: string;
  readonly body: string;
}

let connections = 0;
let toldAtInit: unknown;
let served = 0;

function answer(socket: Socket, status: number, body: string, head = ''): void {
  socket.write(`HTTP/1.1 ${status} Whatever\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function marks(): void {
  process.stdout.write(`${MARKER}\n`);
  process.stderr.write(`${MARKER}\n`);
}

const CHUNK = 'x'.repeat(65_536);

type Behaviour = (socket: Socket, request: { value?: unknown } & Record<string, unknown>) => void | Promise<void>;

const RUN: Readonly<Record<string, Behaviour>> = {
  echo: (socket, { value, ...beside }) => answer(socket, 200, JSON.stringify({ value, beside, connections, served })),
  init: (socket) => answer(socket, 200, JSON.stringify(toldAtInit)),
  kept: (socket) => answer(socket, 200, JSON.stringify({ connections }), 'Connection: keep-alive\r\n'),
  marked: (socket, { value }) => {
    console.log('out', (value as { text?: string }).text ?? '');
    console.error('err');
    answer(socket, 200, '{"ok":true}');
    // After the answer: an agent that does not wait gets no logs.
    setTimeout(marks, 50);
  },
  unmarked: (socket) => {
    console.log('no marker follows');
    answer(socket, 200, '{"ok":true}');
  },
  half: (socket) => {
    console.log(MARKER);
    answer(socket, 200, '{"ok":true}');
  },
  many: (socket) => {
    for (let i = 0; i < 2000; i++) console.log(`line ${i} ${'y'.repeat(100)}`);
    answer(socket, 200, '{"ok":true}');
    marks();
  },
  status: (socket, { value }) => {
    const { status, body } = value as { status: number; body: string };
    answer(socket, status, body);
  },
  noLength: (socket) => {
    socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"ok":true}');
  },
  chunked: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"ok":true}\r\n0\r\n\r\n');
  },
  notHttp: (socket) => {
    socket.end('I am a teapot\n');
  },
  hugeHeader: (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nX: ${'h'.repeat(200_000)}\r\nContent-Length: 2\r\n\r\n{}`);
  },
  upgrade: (socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
  },
  twoLengths: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 11\r\n\r\n{"ok":true}');
  },
  both: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n');
  },
  interim: (socket) => {
    for (let i = 0; i < 1000; i++) socket.write('HTTP/1.1 102 Processing\r\n\r\n');
    answer(socket, 200, '{"ok":true}');
  },
  interimForEver: (socket) => {
    const some = 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000);
    const more = (): void => {
      while (!socket.destroyed && socket.write(some));
    };
    socket.on('drain', more);
    more();
  },
  deep: (socket) => answer(socket, 200, `{"error":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
  cut: (socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"ok":');
  },
  lies: (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 9007199254740993\r\n\r\n{"ok":${CHUNK}`);
  },
  more: (socket) => {
    socket.write(
      'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 11\r\n\r\n{"ok":true}HTTP/1.1 500 No\r\n\r\n',
    );
  },
  endless: (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n`);
    const pour = (): void => {
      while (!socket.destroyed && socket.write(CHUNK));
    };
    socket.on('drain', pour);
    pour();
  },
  large: (socket, { value }) => {
    const { bytes } = value as { bytes: number };
    answer(socket, 200, JSON.stringify({ text: 'z'.repeat(bytes) }));
  },
  bomb: (socket, { value }) => {
    const { bytes } = value as { bytes: number };
    answer(socket, 200, `{"a":[${'[],'.repeat(Math.floor(bytes / 3))}0]}`);
  },
  // A container takes one run.
  leaves: (socket, { value }) => {
    if (served > 2) {
      answer(socket, 503, '{"error":"leaving"}');
      return;
    }
    answer(socket, 200, JSON.stringify(value));
  },
  always503: (socket) => answer(socket, 503, ''),
  deafens: (socket, { value }) => {
    server.close();
    answer(socket, 200, JSON.stringify(value), 'Connection: close\r\n');
  },
  hang: () => undefined,
  exits: () => process.exit(3),
  trickle: async (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n');
    for (const byte of '{"ok":true}') {
      await after(5);
      socket.write(byte);
    }
  },
};

const INIT: Readonly<Record<string, Behaviour>> = {
  ok: (socket) => answer(socket, 200, '{"ok":true}'),
  okText: (socket) => answer(socket, 200, 'ready'),
  error: (socket) => {
    console.error('it does not load');
    answer(socket, 502, '{"error":"no such thing"}');
    marks();
  },
  object: (socket) => answer(socket, 502, '{"error":{"code":7}}'),
  text: (socket) => answer(socket, 500, 'broken'),
  empty: (socket) => answer(socket, 500, ''),
  large: (socket) => answer(socket, 500, 'L'.repeat(2_000_000)),
  leaves: (socket) => answer(socket, 503, ''),
  hang: () => undefined,
  exits: () => process.exit(4),
  drop: (socket) => {
    socket.destroy();
  },
};

/** Behaviours for the tests of logs. */
const KEEPS_LOGS = new Set(['marked', 'unmarked', 'half', 'many']);

function behave(socket: Socket, { path, body }: Request): void {
  const request = JSON.parse(body) as { value: { code?: string; do?: string } };
  served++;
  if (path === '/init') toldAtInit = (request.value as { env?: unknown }).env;
  const behaviour = path === '/init' ? INIT[request.value.code ?? 'ok'] : RUN[request.value.do ?? 'echo'];
  void behaviour!(socket, request);
  if (path === '/run' && !KEEPS_LOGS.has(request.value.do ?? 'echo')) marks();
}

/** Parses requests on a connection: the part of HTTP that the agent uses. */
function serve(socket: Socket): void {
  let input = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    const end = input.indexOf('\r\n\r\n');
    if (end === -1) return;
    const headers = input.toString('utf8', 0, end);
    const length = Number(/^content-length: (\d+)/im.exec(headers)?.[1] ?? 0);
    if (input.length < end + 4 + length) return;
    const body = input.toString('utf8', end + 4, end + 4 + length);
    input = input.subarray(end + 4 + length);
    behave(socket, { path: headers.split(' ')[1]!, headers, body });
  });
}

const server = createServer((socket) => {
  connections++;
  serve(socket);
});
const delay = Number(process.env['DELAY'] ?? 0);
if (delay >= 0) setTimeout(() => server.listen(Number(process.env['PORT']), process.env['HOST'] ?? '127.0.0.1'), delay);
else setInterval(() => undefined, 1000);
