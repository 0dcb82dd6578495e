/** Runs inside a container: does harm of the kind that it is told, and says how far it came. CommonJS as an action is. */
const fs = require('node:fs');
const net = require('node:net');
const { spawn, spawnSync } = require('node:child_process');

const MIB = 1024 * 1024;

const kinds = {
  /** Processes until there can be no more. */
  async processes() {
    const children = [];
    for (let failed = false; !failed && children.length < 5000;) {
      const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
      children.push(child);
      failed = await new Promise((resolve) => {
        child.once('error', () => resolve(true));
        child.once('spawn', () => resolve(false));
        child.once('exit', () => resolve(true));
      });
    }
    return { started: children.length };
  },
  heap() {
    const held = [];
    for (;;) held.push(new Array(MIB).fill(held.length + 0.5));
  },
  async buffers() {
    const held = [];
    for (;;) {
      held.push(Buffer.alloc(16 * MIB, 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
  /** At once, so that nobody inside has time to look. */
  buffersAtOnce() {
    const held = [];
    for (;;) held.push(Buffer.alloc(64 * MIB, 1));
  },
  /** In a process that the runtime does not watch. */
  child() {
    const code = 'const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1))';
    const { status, signal } = spawnSync(process.execPath, ['-e', code]);
    return { status, signal };
  },
  disk() {
    const found = {};
    for (const directory of ['/tmp', '/dev/shm']) {
      let bytes = 0;
      try {
        const file = fs.openSync(`${directory}/full`, 'w');
        for (const chunk = Buffer.alloc(MIB); bytes < 20_000 * MIB; bytes += chunk.length) fs.writeSync(file, chunk);
      } catch (error) {
        found[directory] = { bytes, code: error.code };
      }
      fs.rmSync(`${directory}/full`, { force: true });
    }
    return found;
  },
  /** Fills the buffers of connections that nothing is read from. */
  async sockets({ count }) {
    const server = net.createServer({ pauseOnConnect: true });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const clients = [];
    for (let at = 0; at < count; at++) {
      const client = net.connect(server.address().port, '127.0.0.1').on('error', () => {});
      await new Promise((resolve) => client.once('connect', resolve));
      clients.push(client);
    }
    // What the kernel has not taken is in the queue of the process.
    const chunk = Buffer.alloc(8 * MIB, 1);
    const taken = () => clients.reduce((sum, client) => sum + client.bytesWritten - client._handle.writeQueueSize, 0);
    for (let before = -1; taken() > before;) {
      before = taken();
      for (const client of clients) if (client._handle.writeQueueSize === 0) client.write(chunk);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const bytes = taken();
    for (const client of clients) client.destroy();
    server.close();
    return { bytes };
  },
  /** Past the runtime, as a program that the function starts would. */
  async lines({ count }) {
    const some = `${'x'.repeat(60)}\n`.repeat(1000);
    for (let at = 0; at < count; at += 1000) fs.writeSync(1, some);
    return { count };
  },
  logs({ count }) {
    for (let at = 0; at < count; at++) console.log('a line of the function');
    return { count };
  },
  /** More than anything here has memory for. */
  value() {
    return { parts: Array.from({ length: 10 }, () => Buffer.alloc(1024 * MIB, 1)) };
  },
  /** Announces ten gigabytes on the runtime's own connection and sends none. */
  announced: () => forge(CONNECTION, EMIT, runs, emit('out', streamSlot(10e9))),
  /** Answers for the run that it is: what it may not forge has the same form and goes the same way. */
  own: () => forge(CONNECTION, RESULT, runs, okResult()),
  /** Speaks about an invocation that it was not given; `from` is counted from its own. */
  others: ({ from }) => forge(CONNECTION, RESULT, runs + from, okResult()),
  /** Answers on the connection on which it is only told. */
  channel: () => forge(RUN_CHANNEL, RESULT, runs, okResult()),
  /** Says hello again, as somebody else. */
  hello: () => forge(CONNECTION, HELLO, 0, Buffer.from('{"version":1,"token":"00000000000000000000000000000000"}')),
};

/** Runs of this container: the agent numbers its invocations so. */
let runs = 0;
const HELLO = 1;
const EMIT = 4;
const RESULT = 5;

/** The sockets of the process in the order in which the runtime opened them. */
const CONNECTION = 0;
const RUN_CHANNEL = 1;

function sockets() {
  const isSocket = (descriptor) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
    } catch {
      // The one by which the directory was read.
      return false;
    }
  };
  return fs
    .readdirSync('/proc/self/fd')
    .map(Number)
    .sort((a, b) => a - b)
    .filter(isSocket);
}

/** Writes one frame on one of the runtime's connections, and waits for what comes of it. */
async function forge(which, type, id, payload) {
  const head = Buffer.alloc(12);
  head.writeUInt32BE(12 + payload.length, 0);
  head[4] = type;
  head.writeUInt32BE(id, 8);
  const frame = Buffer.concat([head, payload]);
  const written = fs.writeSync(sockets()[which], frame);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  return { written, of: frame.length };
}

const emit = (port, slot) => Buffer.concat([Buffer.from([1, port.length]), Buffer.from(port), slot]);

function streamSlot(size) {
  const slot = Buffer.alloc(13);
  slot[0] = 1;
  slot.writeUInt32BE(99999, 1);
  slot.writeBigUInt64BE(BigInt(size), 5);
  return slot;
}

function okResult() {
  const value = Buffer.from('\0{"forged":true}');
  const head = Buffer.alloc(13);
  head[1] = 1;
  head.writeUInt16BE(1, 6);
  head.writeUInt32BE(value.length, 9);
  return Buffer.concat([head, value]);
}

exports.main = (params) => {
  runs++;
  return kinds[params.kind](params);
};
