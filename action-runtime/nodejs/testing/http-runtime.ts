import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runtimeEntry } from '../index.js';

/** The line that ends an activation's logs. */
export const MARKER = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  /** The raw body. */
  readonly text: string;
  /** The header Content-Length. */
  readonly length: string | null;
}

/** A runtime as OpenWhisk's invoker sees it: a process that answers /init and /run. */
export class HttpRuntime {
  out = '';
  err = '';
  readonly #directory: string;

  private constructor(
    readonly child: ChildProcess,
    readonly port: number,
    directory: string,
  ) {
    this.#directory = directory;

    child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.err += text));
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<HttpRuntime> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    await new Promise((done) => probe.close(done));
    const directory = mkdtempSync(join(tmpdir(), 'runtime-'));
    const child = spawn(process.execPath, [runtimeEntry], {
      env: { __DF_HTTP_PORT: String(port), PATH: process.env['PATH'], TMPDIR: directory, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const runtime = new HttpRuntime(child, port, directory);
    // As the invoker does: retries until the server listens.
    while (!(await reachable(port)))
      if (child.exitCode !== null) throw new Error(`the runtime has ended: ${runtime.err}`);
    return runtime;
  }

  async post(path: string, body: unknown): Promise<Reply> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method: 'POST',
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    const text = await response.text();
    const json = text === '' ? undefined : (JSON.parse(text) as unknown);
    return { status: response.status, body: json, text, length: response.headers.get('content-length') };
  }

  init(code: string, more: object = {}): Promise<Reply> {
    return this.post('/init', { value: { name: 'n', main: 'main', code, binary: false, ...more } });
  }

  run(value: unknown, more: object = {}): Promise<Reply> {
    return this.post('/run', { value, ...more });
  }

  /** Waits until both streams have this number of marks. */
  async marked(activations: number): Promise<void> {
    const marks = (text: string): number => text.split(`${MARKER}\n`).length - 1;
    const { stdout, stderr } = this.child;
    while (marks(this.out) < activations) await once(stdout!, 'data');
    while (marks(this.err) < activations) await once(stderr!, 'data');
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function reachable(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const result = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  if (!result) await new Promise((resolve) => setTimeout(resolve, 20));
  return result;
}
