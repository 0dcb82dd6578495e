import { Console } from 'node:console';
import type { Writable } from 'node:stream';
import { printable } from '../bridge/user-stack.js';

/** The line after which the invoker stops reading an activation's logs (OW-71). */
const MARKER = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

/**
 * Marks the end of each activation's logs, and writes the runtime's own messages into them. User code writes on the process's
 * streams directly; this class only tracks whether the last line is complete, because OpenWhisk drops the line with a marker.
 */
export class ActivationOutput {
  /** A console of its own: user code may replace the methods of the global one. */
  readonly #console = new Console(process.stdout, process.stderr);
  readonly #stdout = new LastLine(process.stdout);
  readonly #stderr = new LastLine(process.stderr);

  /** Writes on the action's stderr. Values of user code may throw when they are converted to text. */
  error(...parts: unknown[]): void {
    try {
      this.#console.error(...parts.map(printable));
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

/** Tracks whether a stream's output ends with a line break. */
class LastLine {
  unfinished = false;

  constructor(stream: Writable) {
    const write = stream._write.bind(stream);
    stream._write = (chunk: string | Uint8Array, encoding, done) => {
      this.#track(chunk);
      write(chunk, encoding, done);
    };
    const writev = stream._writev?.bind(stream);
    if (writev === undefined) return;
    stream._writev = (chunks, done) => {
      for (const { chunk } of chunks) this.#track(chunk as string | Uint8Array);
      writev(chunks, done);
    };
  }

  #track(chunk: string | Uint8Array): void {
    if (chunk.length > 0) this.unfinished = typeof chunk === 'string' ? !chunk.endsWith('\n') : chunk.at(-1) !== 10;
  }
}
