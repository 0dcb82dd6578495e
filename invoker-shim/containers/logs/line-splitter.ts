import { StringDecoder } from 'node:string_decoder';
import { wholeCharacters } from '@dataflower/action-runtime/protocol';

/**
 * Splits a stream of text into lines and buffers little more than `maxChars` of it: a longer line comes in several pieces,
 * with no character cut in two.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  readonly #maxChars: number;
  readonly #onLine: (line: string) => void;
  readonly #tailChars: number;

  /** @param tailChars Number of characters at the end of a line that stay in one piece. */
  constructor(maxChars: number, onLine: (line: string) => void, tailChars = 0) {
    this.#maxChars = maxChars;
    this.#onLine = onLine;
    this.#tailChars = tailChars;
  }

  push(chunk: Buffer): void {
    const text = this.#decoder.write(chunk);
    let at = 0;
    // Only new text is searched: else output that comes byte by byte would be searched again for each byte.
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
      this.#onLine(this.#cut(this.#rest + text.slice(at, end)));
      this.#rest = '';
      at = end + 1;
    }
    this.#rest = this.#cut(this.#rest + text.slice(at));
  }

  /** The stream has ended: the rest is a line. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') this.#onLine(this.#cut(rest));
  }

  /** Emits pieces of a line that is too long, and returns the rest. */
  #cut(line: string): string {
    let at = 0;
    while (line.length - at > this.#maxChars + this.#tailChars) {
      const end = wholeCharacters(line, at + this.#maxChars);
      this.#onLine(line.slice(at, end));
      at = end;
    }
    return at === 0 ? line : line.slice(at);
  }
}
