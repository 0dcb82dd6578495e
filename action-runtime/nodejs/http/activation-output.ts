import { Console } from 'node:console';
import type { Writable } from 'node:stream';
import { printable } from '../bridge/user-stack.js';

/** The line after which the invoker stops reading an activation's logs (OW-71). */
const MARKER = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

/**
 * The end of each activation's logs, and what the runtime itself says in them. User code writes on the process's streams
 * directly; here is only seen whether its last line is finished, because OpenWhisk drops the line that a marker is in.
 */
export class ActivationOutput {
  /** One of its own: user code may replace the methods of the global one. */
  readonly #console = new Console(process.stdout, process.stderr);
  readonly #stdout = new LastLine(process.stdout);
  readonly #stderr = new LastLine(process.stderr);

  /** Says something of the action's on stderr; values of user code may refuse to be shown. */
  error(...said: unknown[]): void {
    try {
      this.#console.error(...said.map(printable));
    } catch {
      this.#console.error('(a value that cannot be shown)');
    }
  }

  /** Ends an activation's logs on both streams. */
  end(): void {
    this.#console.log(this.#stdout.unfinished ? `\n${MARKER}` : MARKER);
    this.#console.error(this.#stderr.unfinished ? `\n${MARKER}` : MARKER);
  }
}

/** Whether what was written on a stream last ends with a new line. */
class LastLine {
  unfinished = false;

  constructor(stream: Writable) {
    const write = stream._write.bind(stream);
    stream._write = (chunk: string | Uint8Array, encoding, done) => {
      this.#see(chunk);
      write(chunk, encoding, done);
    };
    const writev = stream._writev?.bind(stream);
    if (writev === undefined) return;
    stream._writev = (chunks, done) => {
      for (const { chunk } of chunks) this.#see(chunk as string | Uint8Array);
      writev(chunks, done);
    };
  }

  #see(chunk: string | Uint8Array): void {
    if (chunk.length > 0) this.unfinished = typeof chunk === 'string' ? !chunk.endsWith('\n') : chunk.at(-1) !== 10;
  }
}
