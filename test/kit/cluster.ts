import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { listen, ownEnvironment } from './command.js';
import { cli, type Platform } from './platform.js';
import { descendants } from './processes.js';
import type { StartOptions, Suite } from './suite.js';
import { within } from './until.js';

const START_MS = 30_000;
const STOP_MS = 25_000;

/** A shim in a process of its own, as a user starts it. */
export class Shim {
  private constructor(
    private readonly child: ChildProcess,
    readonly output: () => string,
    private readonly ended: Promise<number | null>,
  ) {}

  static async start(cluster: Cluster): Promise<Shim> {
    const child = spawn(process.execPath, [cli, 'shim', '--config', cluster.config, '--data', cluster.dataDir], {
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
    return this.child.pid!;
  }

  containers(): number[] {
    return descendants(this.pid).map(({ pid }) => pid);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Kills it, as a machine that runs out of memory would. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Asks it to end; gives its exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    return within('the shim to stop', STOP_MS, this.ended);
  }
}

/** A configuration that plugin and shim share, with one host; and a wire between them that can be cut. */
export class Cluster {
  readonly config: string;
  readonly dataDir: string;
  readonly environment: Readonly<Record<string, string>>;
  private readonly pluginConfig: string;
  private readonly shims: Shim[] = [];

  private constructor(
    readonly suite: Suite,
    private readonly wire: Wire,
    settings: Readonly<Record<string, string>>,
  ) {
    this.environment = {
      DATAFLOWER_LOG_LEVEL: 'warn',
      DATAFLOWER_CONTAINERS_DRIVER: 'process',
      DATAFLOWER_CLUSTER_SECRET: 'a secret of at least thirty-two characters',
      ...settings,
    };
    const folder = suite.folder('cluster');
    this.dataDir = join(folder, 'data');
    mkdirSync(this.dataDir);
    const write = (name: string, port: number, operations: number): string => {
      const host = { id: 'host0', address: `127.0.0.1:${port}`, operations: `127.0.0.1:${operations}` };
      writeFileSync(join(folder, name), JSON.stringify({ hosts: [host] }));
      return join(folder, name);
    };
    this.config = write('shim.yaml', wire.target, wire.operations);
    this.pluginConfig = write('plugin.yaml', wire.port, wire.operations);
  }

  /** `settings`: further configuration of both, as environment variables. */
  static async open(suite: Suite, settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
    return new Cluster(suite, await Wire.open(await freePort(), await freePort()), settings);
  }

  /** Where the shim says how it is. */
  get operationsUrl(): string {
    return `http://127.0.0.1:${this.wire.operations}`;
  }

  async shim(): Promise<Shim> {
    const shim = await Shim.start(this);
    this.shims.push(shim);
    return shim;
  }

  plugin(options: StartOptions = {}): Promise<Platform> {
    const { environment, dataDir, pluginConfig } = this;
    return this.suite.start({ program: 'plugin', args: ['--config', pluginConfig], dataDir, environment, ...options });
  }

  /** Cuts every connection between plugin and shim; new ones are let through. */
  cut(): void {
    this.wire.cut();
  }

  async close(): Promise<void> {
    for (const shim of this.shims) await shim.stop();
    await this.wire.close();
  }
}

/** What the plugin connects to in the shim's stead: passes bytes on until it is cut. */
class Wire {
  private readonly sockets = new Set<net.Socket>();

  private constructor(
    private readonly server: net.Server,
    readonly target: number,
    readonly operations: number,
  ) {}

  static async open(target: number, operations: number): Promise<Wire> {
    const server = net.createServer();
    const wire = new Wire(server, target, operations);
    server.on('connection', (near) => wire.join(near, net.connect(target, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return wire;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(near: net.Socket, far: net.Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.pipe(other);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
