import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import openwhisk, { type Client } from 'openwhisk';
import { Api } from './api.js';
import { type CommandOptions, type Ended, command, listen, ownEnvironment, repositoryPath } from './command.js';
import { containersOf, killHard } from './processes.js';
import { within } from './within.js';

export interface PlatformOptions {
  /** Where it keeps its data and its temporary files; both must be there. */
  readonly dataDir: string;
  readonly temporaryDir: string;
  /** Configuration by environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Which process serves the API. Default: `standalone`. */
  readonly program?: 'standalone' | 'plugin';
  /** Further arguments of it. */
  readonly args?: readonly string[];
  /** Descriptors that it is started with beside its input and its output, each with the one of this process that it is. */
  readonly descriptors?: Readonly<Record<number, number>>;
}

/** How a server ended. */
export interface ServerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const START_MS = 180_000;
const STOP_MS = 180_000;
export const cli = repositoryPath('dataflower/dist/cli/main.js');

/** A platform of our own in a process of its own, as a user starts it. */
export class Platform {
  readonly api: Api;
  /** The client of npm. */
  readonly client: Client;
  readonly ended: Promise<ServerEnd>;

  readonly #child: ChildProcess;

  private constructor(
    child: ChildProcess,
    readonly url: string,
    /** `uuid:key` of the namespace `guest`. */
    readonly authorization: string,
    readonly options: PlatformOptions,
    /** Everything that it has said. */
    readonly output: () => string,
  ) {
    this.#child = child;

    this.api = new Api(url, authorization);
    this.client = openwhisk({ apihost: url, api_key: authorization });
    this.ended = endOf(child);
  }

  /** Starts one on a free port; rejects with what it said when it does not come up. */
  static async start(options: PlatformOptions): Promise<Platform> {
    const args = [
      cli,
      options.program ?? 'standalone',
      '--port',
      '0',
      '--data',
      options.dataDir,
      ...(options.args ?? []),
    ];
    const child = spawn(process.execPath, args, {
      stdio: stdioWith(options.descriptors ?? {}),
      env: {
        ...ownEnvironment(),
        HOME: options.temporaryDir,
        TMPDIR: options.temporaryDir,
        DATAFLOWER_LOG_LEVEL: 'warn',
        // Other software of the machine must not decide which tests run.
        DATAFLOWER_CONTAINERS_DRIVER: 'process',
        DATAFLOWER_CONTAINERS_HELLO_TIMEOUT_MS: '120000',
        ...options.environment,
      },
    });
    const stdout = listen(child, 'stdout');
    const stderr = listen(child, 'stderr');
    const output = (): string => stdout() + stderr();
    try {
      const { url, authorization } = await within('the platform to be ready', START_MS, readyLine(child, output));
      return new Platform(child, url, authorization, options, output);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`The platform did not start: ${(error as Error).message}\n${output()}`, { cause: error });
    }
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The processes of its containers. */
  containers(): number[] {
    return containersOf(this.pid);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, waits until it has, and ends what it should not have left. Gives how it ended. */
  async stop(): Promise<ServerEnd> {
    this.api.close();
    if (!this.isRunning) return this.ended;
    const below = this.containers();
    this.#child.kill('SIGTERM');
    try {
      return await within('the platform to stop', STOP_MS, this.ended);
    } catch (error) {
      this.#child.kill('SIGKILL');
      for (const pid of below) killHard(pid);
      throw new Error(`${(error as Error).message}\n${this.output()}`, { cause: error });
    }
  }

  /** Kills it, as a machine that runs out of memory would. */
  async kill(): Promise<ServerEnd> {
    this.api.close();
    this.#child.kill('SIGKILL');
    return this.ended;
  }
}

function stdioWith(descriptors: Readonly<Record<number, number>>): StdioOptions {
  const more = new Array<'ignore' | number>(Math.max(2, ...Object.keys(descriptors).map(Number)) - 2).fill('ignore');
  for (const [number, own] of Object.entries(descriptors)) more[Number(number) - 3] = own;
  return ['ignore', 'pipe', 'pipe', ...more];
}

function endOf(child: ChildProcess): Promise<ServerEnd> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null)
      resolve({ code: child.exitCode, signal: child.signalCode });
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function readyLine(child: ChildProcess, output: () => string): Promise<{ url: string; authorization: string }> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const said = output();
      const url = /https?:\/\/[\w.-]+:\d+/.exec(said)?.[0];
      const authorization = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}:\w{64}/.exec(said)?.[0];
      if (url !== undefined && authorization !== undefined) resolve({ url, authorization });
    };
    child.stdout!.on('data', look);
    child.stderr!.on('data', look);
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`it ended with ${signal ?? `code ${String(code)}`}`)));
  });
}

/** Runs the command `dataflower` to its end; a server that it starts uses child processes as containers. */
export function dataflower(args: readonly string[], options?: CommandOptions): Promise<Ended> {
  const environment = { DATAFLOWER_CONTAINERS_DRIVER: 'process', ...options?.environment };
  return command(process.execPath, [cli, ...args], { ...options, environment });
}
