import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { until } from '@dataflower/common/testing';
import { listen } from './command.js';
import { machineTurn } from './machine-turn.js';
import { within } from './within.js';

/** Where the stand-ins are: in blocks that are kept for documentation, private, and where clouds tell machines about themselves. */
export const PUBLIC_ADDRESS = '198.51.100.10';
export const PRIVATE_ADDRESS = '10.213.77.10';
export const METADATA_ADDRESS = '169.254.169.254';
/** The address that their resolver gives for every name. */
export const RESOLVED = '198.51.100.77';
const HOST_ADDRESS = '198.51.100.1';
const NAMESPACE = 'dft-world';
const LINK = ['dft-w0', 'dft-w1'] as const;
const START_MS = 120_000;

/**
 * A world of our own outside the machine: a network namespace that answers for a server in the Internet, one in a private
 * network, the metadata service and a resolver. While it is there, these addresses lead nowhere else.
 */
export class StandIns {
  readonly #server: ChildProcess;
  readonly #said: () => string;
  readonly #turnOver: () => Promise<void>;

  private constructor(
    readonly port: number,
    server: ChildProcess,
    said: () => string,
    turnOver: () => Promise<void>,
  ) {
    this.#server = server;
    this.#said = said;
    this.#turnOver = turnOver;
  }

  /** Waits for its turn: the machine has room for one such world. */
  static async start(): Promise<StandIns> {
    const turnOver = await machineTurn();
    removeWorld();
    const [host, inside] = LINK;
    ip('netns', 'add', NAMESPACE);
    ip('link', 'add', host, 'type', 'veth', 'peer', 'name', inside, 'netns', NAMESPACE);
    ip('addr', 'add', `${HOST_ADDRESS}/24`, 'dev', host);
    ip('link', 'set', host, 'up');
    ip('-n', NAMESPACE, 'addr', 'add', `${PUBLIC_ADDRESS}/24`, 'dev', inside);
    for (const address of [PRIVATE_ADDRESS, METADATA_ADDRESS]) {
      ip('-n', NAMESPACE, 'addr', 'add', `${address}/32`, 'dev', inside);
    }
    ip('-n', NAMESPACE, 'link', 'set', inside, 'up');
    ip('-n', NAMESPACE, 'link', 'set', 'lo', 'up');
    for (const address of [PRIVATE_ADDRESS, METADATA_ADDRESS]) {
      ip('route', 'add', `${address}/32`, 'via', PUBLIC_ADDRESS, 'dev', host);
    }
    const server = spawn('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', SERVER], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = listen(server, 'stdout');
    const port = await until(() => /^port (\d+)/.exec(said())?.[1], {
      what: 'the stand-ins listen',
      withinMs: START_MS,
    });
    return new StandIns(Number(port), server, said, turnOver);
  }

  /** Connections that have reached them: protocol and address. */
  reached(): string[] {
    return this.#said()
      .split('\n')
      .slice(1)
      .filter((line) => line !== '');
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#server.once('exit', resolve));
    this.#server.kill('SIGKILL');
    await within('the stand-ins to end', START_MS, ended);
    removeWorld();
    await this.#turnOver();
  }
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Of this run, or of one that was killed: nobody else has the turn. */
function removeWorld(): void {
  for (const words of [
    ['link', 'del', LINK[0]],
    ['netns', 'del', NAMESPACE],
  ]) {
    try {
      ip(...words);
    } catch {
      // There is none.
    }
  }
}

/** One TCP and one UDP server for all addresses, and a resolver; it says who came for what. */
const SERVER = `
const net = require('node:net'), dgram = require('node:dgram');
const say = (text) => require('node:fs').writeSync(1, text + '\\n');
const tcp = net.createServer((socket) => {
  say('tcp ' + socket.localAddress);
  socket.on('error', () => {});
  socket.end('hello');
});
tcp.listen(0, '0.0.0.0', () => {
  const { port } = tcp.address();
  for (const address of ['${PUBLIC_ADDRESS}', '${PRIVATE_ADDRESS}', '${METADATA_ADDRESS}']) {
    const udp = dgram.createSocket('udp4', (message, from) => {
      say('udp ' + address);
      udp.send('hello', from.port, from.address);
    });
    udp.bind(port, address);
    const resolver = dgram.createSocket('udp4', (query, from) => {
      say('dns ' + address);
      const answer = Buffer.concat([query.subarray(0, questionEnd(query)),
        Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...'${RESOLVED}'.split('.').map(Number)])]);
      answer.writeUInt16BE(0x8180, 2);
      answer.writeUInt16BE(1, 6);
      answer.writeUInt32BE(0, 8);
      resolver.send(answer, from.port, from.address);
    });
    resolver.bind(53, address);
  }
  say('port ' + port);
});
function questionEnd(query) {
  let at = 12;
  while (query[at] !== 0) at += query[at] + 1;
  return at + 5;
}
`;
