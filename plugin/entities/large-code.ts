/** Code of an action that is too large to be handled as text in one turn of the loop. */
export class LargeCode {
  /** @param binary OW-28: it is base64. */
  constructor(
    /** UTF-8. */
    readonly bytes: Buffer,
    readonly binary: boolean,
  ) {}
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** OW-28: the trimmed text is base64 by its alphabet and length. */
export function isBinaryCode(code: string): boolean {
  const trimmed = code.trim();
  return trimmed !== '' && trimmed.length % 4 === 0 && BASE64.test(trimmed);
}
