import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  type ContainerDriver,
  type ContainerExit,
  type ContainerHandle,
  MAX_OUTPUT_LINE_CHARS,
  type StartOptions,
} from '../../drivers/driver.js';
import { LineSplitter } from '../../logs/line-splitter.js';

/** A program in the role of an OpenWhisk runtime; it listens on the port in the variable `portVariable`. */
export interface TestImage {
  readonly entry: string;
  readonly portVariable: string;
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts OpenWhisk runtimes as child processes on loopback. A program takes the place of an image. */
export class HttpProcessDriver implements ContainerDriver {
  readonly name = 'http-process';
  readonly started: HttpProcess[] = [];

  readonly #images: Readonly<Record<string, TestImage>>;
  readonly #native: ContainerDriver | undefined;

  /** @param native Starts containers of specs without an image; they share the agent's files. */
  constructor(images: Readonly<Record<string, TestImage>>, native?: ContainerDriver) {
    this.#images = images;
    this.#native = native;
  }

  get sharesFiles(): boolean {
    return this.#native?.sharesFiles ?? false;
  }

  async start(options: StartOptions): Promise<ContainerHandle> {
    const image = this.#images[options.spec.image ?? ''];
    if (image === undefined) {
      if (this.#native === undefined)
        throw new Error(`no program for the image ${options.spec.image ?? 'of the kind'}`);
      return this.#native.start(options);
    }
    const port = await freePort();
    const child = spawn(process.execPath, [image.entry], {
      env: { PATH: process.env['PATH'], ...image.env, [image.portVariable]: String(port) },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const started = new HttpProcess(child, port, options);
    this.started.push(started);
    return started;
  }
}

class HttpProcess implements ContainerHandle {
  readonly http: { readonly host: string; readonly port: number };
  state: ContainerHandle['state'] = 'RUNNING';
  readonly exited: Promise<ContainerExit>;

  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number, { onOutput }: StartOptions) {
    this.#child = child;

    this.http = { host: '127.0.0.1', port };
    for (const name of ['stdout', 'stderr'] as const) {
      const lines = new LineSplitter(MAX_OUTPUT_LINE_CHARS, (line) => onOutput(name, line));
      child[name]!.on('data', (chunk: Buffer) => lines.push(chunk));
      child[name]!.on('end', () => lines.end());
    }
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.state = 'EXITED';
      return { code: code as number | null, signal: signal as string | null, outOfMemory: false };
    });
  }

  get id(): string {
    return String(this.#child.pid);
  }

  stop(): void {
    if (this.state !== 'RUNNING') return;
    this.state = 'STOPPING';
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
