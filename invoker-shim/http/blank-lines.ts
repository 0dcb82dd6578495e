const CR = 13;
const LF = 10;

/** What the line in which we are has had so far. */
const enum Line {
  EMPTY,
  CR_ALONE,
  TEXT,
}

/** Finds lines without text in bytes that come in pieces: with one ends the head of an HTTP message, and a chunked body. */
export class BlankLines {
  /** A blank line in front of a request is none that ends something. */
  #line: Line = Line.TEXT;

  /** How many of these bytes, from `from` on, to the end of the next blank line; undefined: it is not in them. */
  next(bytes: Buffer, from: number): number | undefined {
    let at = from;
    for (let end = bytes.indexOf(LF, at); end !== -1; end = bytes.indexOf(LF, at)) {
      const isBlank = this.#after(bytes, at, end) !== Line.TEXT;
      this.#line = Line.EMPTY;
      at = end + 1;
      if (isBlank) {
        this.#line = Line.TEXT;
        return at - from;
      }
    }
    this.#line = this.#after(bytes, at, bytes.length);
    return undefined;
  }

  #after(bytes: Buffer, from: number, to: number): Line {
    if (to === from) return this.#line;
    return to - from === 1 && bytes[from] === CR && this.#line === Line.EMPTY ? Line.CR_ALONE : Line.TEXT;
  }
}
