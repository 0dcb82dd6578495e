import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { Platform, type PlatformOptions } from './platform.js';
import { killHard, processesThatName } from './processes.js';

export type StartOptions = Partial<PlatformOptions>;

const SHARED_MEMORY = '/dev/shm';
/** Resources that a test may leave in this process: the runner's own timers, files and pipes. */
const HANDLES = new Set(['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap', 'MessagePort', 'Worker', 'PipeConnectWrap']);

/**
 * The platforms and folders of one test file. When its tests are over everything is stopped, and the suite fails if a
 * process, a socket, a shared-memory directory, a temporary file or a handle of this process is left.
 */
export class Suite {
  readonly directory: string;
  /** Temporary directory of everything that is started here; it has to be empty at the end. */
  readonly temporaryDir: string;
  readonly #platforms: Platform[] = [];
  readonly #known = new Set<number>();
  #dataDirs = 0;

  private constructor() {
    // Short, because sockets are made below it.
    this.directory = mkdtempSync(join(tmpdir(), 'dft-'));
    this.temporaryDir = join(this.directory, 't');
    mkdirSync(this.temporaryDir);
  }

  /** To be called at the top of a test file. */
  static open(): Suite {
    const suite = new Suite();
    let before: readonly string[] = [];
    beforeAll(() => {
      before = handles();
    });
    afterAll(() => suite.#close(before));
    return suite;
  }

  /** A new folder of this suite's; it goes with the suite. */
  folder(name: string): string {
    return mkdtempSync(join(this.directory, `${name}-`));
  }

  async start(options: StartOptions = {}): Promise<Platform> {
    const dataDir = options.dataDir ?? join(this.directory, `data-${++this.#dataDirs}`);
    if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true });
    const platform = await Platform.start({ temporaryDir: this.temporaryDir, ...options, dataDir });
    this.#platforms.push(platform);
    this.#known.add(platform.pid);
    return platform;
  }

  async #close(before: readonly string[]): Promise<void> {
    const problems: string[] = [];
    for (const platform of this.#platforms) {
      const running = platform.isRunning;
      try {
        const { code, signal } = await platform.stop();
        if (running && code !== 0)
          problems.push(`A server ended with ${signal ?? String(code)}:\n${platform.output()}`);
      } catch (error) {
        problems.push(String(error));
      }
    }
    problems.push(...(await leftProcesses(this.directory)));
    problems.push(...list(this.temporaryDir).map((name) => `There is still a temporary ${name}.`));
    problems.push(...this.sharedMemory().map((name) => `There is still ${SHARED_MEMORY}/${name}.`));
    problems.push(...(await leftHandles(before)));
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
    if (problems.length > 0) throw new Error(`The suite leaves something behind:\n${problems.join('\n')}`);
  }

  /** Directories of our servers in shared memory; their names have the server's pid in them. */
  sharedMemory(): string[] {
    return list(SHARED_MEMORY).filter((name) => {
      const pid = /^dataflower-.*-(\d+)-\d+-[^-]*$/.exec(name)?.[1];
      return pid !== undefined && this.#known.has(Number(pid));
    });
  }
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

async function leftProcesses(directory: string): Promise<string[]> {
  try {
    await until(() => processesThatName(directory).length === 0, { what: 'no process of this suite is left' });
    return [];
  } catch {
    const left = processesThatName(directory);
    for (const { pid } of left) killHard(pid);
    return left.map(({ pid, command }) => `Process ${pid} still runs: ${command}`);
  }
}

function handles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => HANDLES.has(name));
}

async function leftHandles(before: readonly string[]): Promise<string[]> {
  try {
    await until(() => handles().length <= before.length, { what: 'this process has no more handles than before' });
    return [];
  } catch {
    return [`This process had [${before.join(', ')}] and has [${handles().join(', ')}].`];
  }
}
