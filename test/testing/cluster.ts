import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { listen, ownEnvironment } from './command.js';
import { cli, type Platform } from './platform.js';
import { containersOf } from './processes.js';
import type { StartOptions, Suite } from './suite.js';
import { within } from './within.js';

const START_MS = 180_000;
const STOP_MS = 180_000;

/** A shim in a process of its own, as a user starts it. */
export class Shim {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  private constructor(
    child: ChildProcess,
    readonly output: () => string,
    ended: Promise<number | null>,
  ) {
    this.#child = child;
    this.#ended = ended;
  }

  static async start(cluster: Cluster, hostId: string): Promise<Shim> {
    const args = [cli, 'shim', '--config', cluster.config, '--data', cluster.dataDir, '--host', hostId];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...ownEnvironment(), ...cluster.environment, TMPDIR: cluster.suite.temporaryDir },
    });
    const said = [listen(child, 'stdout'), listen(child, 'stderr')];
    const output = (): string => said.map((text) => text()).join('');
    const ended = once(child, 'exit').then(([code]): number | null => code);
    const ready = new Promise<void>((resolve, reject) => {
      child.stdout.on('data', () => output().includes('Ready.') && resolve());
      void ended.then((code) => reject(new Error(`the shim ended with ${String(code)}:\n${output()}`)));
    });
    const shim = new Shim(child, output, ended);
    try {
      await within('the shim to be ready', START_MS, ready);
    } catch (error) {
      shim.signal('SIGKILL');
      throw error;
    }
    return shim;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  containers(): number[] {
    return containersOf(this.pid);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills it, as a machine that runs out of memory would. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** Asks it to end; gives its exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    return within('the shim to stop', STOP_MS, this.#ended);
  }
}

/** A configuration that plugin and shims share, and a wire between them for each host, which can be cut. */
export class Cluster {
  readonly config: string;
  readonly dataDir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly #pluginConfig: string;
  readonly #shims: Shim[] = [];

  readonly #wires: readonly Wire[];

  private constructor(
    readonly suite: Suite,
    wires: readonly Wire[],
    settings: Readonly<Record<string, string>>,
  ) {
    this.#wires = wires;

    this.environment = {
      DATAFLOWER_LOG_LEVEL: 'warn',
      DATAFLOWER_CONTAINERS_DRIVER: 'process',
      DATAFLOWER_CONTAINERS_HELLO_TIMEOUT_MS: '120000',
      // Its own: another cluster may get the port of a shim that was killed, and must not be taken for it.
      DATAFLOWER_CLUSTER_SECRET: randomBytes(32).toString('hex'),
      ...settings,
    };
    const folder = suite.folder('cluster');
    this.dataDir = join(folder, 'data');
    mkdirSync(this.dataDir);
    const write = (name: string, portOf: (wire: Wire) => number): string => {
      const hosts = wires.map((wire, n) => ({
        id: `host${n}`,
        address: `127.0.0.1:${portOf(wire)}`,
        operations: `127.0.0.1:${wire.operations}`,
      }));
      writeFileSync(join(folder, name), JSON.stringify({ hosts }));
      return join(folder, name);
    };
    this.config = write('shim.yaml', ({ target }) => target);
    this.#pluginConfig = write('plugin.yaml', ({ port }) => port);
  }

  /** `settings`: further configuration of both, as environment variables. */
  static async open(suite: Suite, settings: Readonly<Record<string, string>> = {}, hosts = 1): Promise<Cluster> {
    const wires: Wire[] = [];
    for (let host = 0; host < hosts; host++) wires.push(await Wire.open(await freePort(), await freePort()));
    return new Cluster(suite, wires, settings);
  }

  /** Where the first shim says how it is. */
  get operationsUrl(): string {
    return `http://127.0.0.1:${this.#wires[0]!.operations}`;
  }

  async shim(hostId = 'host0'): Promise<Shim> {
    const shim = await Shim.start(this, hostId);
    this.#shims.push(shim);
    return shim;
  }

  plugin(options: StartOptions = {}): Promise<Platform> {
    const { environment, dataDir } = this;
    const pluginConfig = this.#pluginConfig;
    return this.suite.start({ program: 'plugin', args: ['--config', pluginConfig], dataDir, environment, ...options });
  }

  /** Cuts every connection between plugin and shim; new ones are let through. */
  cut(): void {
    for (const wire of this.#wires) wire.cut();
  }

  async close(): Promise<void> {
    for (const shim of this.#shims) await shim.stop();
    for (const wire of this.#wires) await wire.close();
  }
}

/** Stands in for the shim: passes the plugin's bytes on until it is cut. */
class Wire {
  readonly #sockets = new Set<net.Socket>();

  readonly #server: net.Server;

  private constructor(
    server: net.Server,
    readonly target: number,
    readonly operations: number,
  ) {
    this.#server = server;
  }

  static async open(target: number, operations: number): Promise<Wire> {
    const server = net.createServer();
    const wire = new Wire(server, target, operations);
    server.on('connection', (near) => wire.#join(near, net.connect(target, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: net.Socket, far: net.Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.pipe(other);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

/**
 * A port that is free, outside of those that the system gives away by itself: it is to be free also while the shim that
 * had it is away.
 */
async function freePort(): Promise<number> {
  for (let attempts = 0; ; attempts++) {
    const port = randomInt(10_000, 32_000);
    const server = net.createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if (attempts === 100) throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
