/**
 * Runs inside a container: tries what it is told and says how each attempt ended. CommonJS as an action is; what it
 * answers are texts, `reached …` for what should not have worked.
 */
const fs = require('node:fs');
const net = require('node:net');
const dgram = require('node:dgram');
const os = require('node:os');
const dns = require('node:dns').promises;

const LIMIT_MS = 700;

function tcp(target) {
  return new Promise((resolve) => {
    const socket = net.connect(target);
    const end = (how) => {
      socket.destroy();
      resolve(how);
    };
    socket.once('connect', () => end('reached'));
    socket.once('error', (error) => end(error.code));
    setTimeout(end, LIMIT_MS, 'no answer').unref();
  });
}

function udp(host, port) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    let ended = false;
    const end = (how) => {
      if (!ended) socket.close();
      ended = true;
      resolve(how);
    };
    socket.once('message', () => end('reached'));
    socket.once('error', (error) => end(error.code));
    socket.send('hello', port, host, (error) => error && end(error.code));
    setTimeout(end, LIMIT_MS, 'no answer').unref();
  });
}

function attempt(work) {
  try {
    return `reached ${String(work()).slice(0, 200)}`;
  } catch (error) {
    return error.code ?? error.message;
  }
}

/** Every process that can be seen. */
function processes() {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim());
}

const kinds = {
  tcp: ({ targets }) => Promise.all(targets.map(([host, port]) => tcp({ host, port }))),
  udp: ({ targets }) => Promise.all(targets.map(([host, port]) => udp(host, port))),
  paths: ({ paths }) => Promise.all(paths.map((path) => tcp({ path }))),
  resolve: ({ name }) => dns.resolve4(name).catch((error) => error.code),
  files: ({ paths }) => paths.map((path) => attempt(() => fs.statSync(path).size)),
  writes: ({ paths }) => paths.map((path) => attempt(() => fs.writeFileSync(path, 'x') ?? 'written')),
  /** What of its own socket's directory it can change. */
  socket: () => {
    const directory = '/run/dataflower';
    return {
      list: attempt(() => fs.readdirSync(directory)),
      rename: attempt(() => fs.renameSync(`${directory}/s`, `${directory}/t`)),
      unlink: attempt(() => fs.unlinkSync(`${directory}/s`)),
      make: attempt(() => fs.writeFileSync(`${directory}/x`, '')),
      link: attempt(() => fs.linkSync(`${directory}/s`, '/tmp/s')),
      mode: attempt(() => fs.chmodSync(`${directory}/s`, 0o600)),
    };
  },
  view: () => ({
    uid: process.getuid(),
    status: fs.readFileSync('/proc/self/status', 'utf8'),
    mounts: fs.readFileSync('/proc/self/mounts', 'utf8'),
    processes: processes(),
    interfaces: Object.entries(os.networkInterfaces()).flatMap(([name, all]) =>
      all.map(({ address, family }) => ({ name, address, family })),
    ),
    gateway: gateway(),
    limits: fs.readFileSync('/proc/self/limits', 'utf8'),
  }),
};

function gateway() {
  const row = fs
    .readFileSync('/proc/net/route', 'utf8')
    .split('\n')
    .map((line) => line.split('\t'))
    .find(([, destination]) => destination === '00000000');
  return row === undefined ? null : [6, 4, 2, 0].map((at) => parseInt(row[2].slice(at, at + 2), 16)).join('.');
}

exports.main = async (params) => ({ found: await kinds[params.kind](params) });
