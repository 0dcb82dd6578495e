import { StringDecoder } from 'node:string_decoder';

/** Cuts a stream of text into lines while holding at most `maxBytes` of it: a longer line comes in several pieces. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(
    private readonly maxBytes: number,
    private readonly onLine: (line: string) => void,
  ) {}

  push(chunk: Buffer): void {
    const text = this.#decoder.write(chunk);
    let at = 0;
    // Only what is new is searched: what writes byte by byte must not have the rest gone through for each of them.
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
      this.#give(this.#rest + text.slice(at, end));
      this.#rest = '';
      at = end + 1;
    }
    let rest = this.#rest + text.slice(at);
    // A character is at least one byte, so the rest is never larger than the bound.
    while (rest.length >= this.maxBytes) {
      this.onLine(rest.slice(0, this.maxBytes));
      rest = rest.slice(this.maxBytes);
    }
    this.#rest = rest;
  }

  /** The stream has ended: what is left is a line. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') this.#give(rest);
  }

  #give(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += this.maxBytes) this.onLine(line.slice(at, at + this.maxBytes));
  }
}
