import { FrameType, encodeFrame } from './frame.js';
import { type Definition, FLAG_MORE, decodeJsonObject } from './messages.js';

/** Largest part of a definition in one frame, in bytes. */
const PART_BYTES = 512 * 1024;

/** DEFINE: splits its JSON into frames. The functions of a step may be as large as an action's code. */
export function encodeDefine(id: number, definition: Definition): Buffer[] {
  const json = Buffer.from(JSON.stringify(definition));
  const frames: Buffer[] = [];
  for (let at = 0; at < json.length; at += PART_BYTES) {
    const more = at + PART_BYTES < json.length;
    frames.push(encodeFrame(FrameType.DEFINE, more ? FLAG_MORE : 0, id, json.subarray(at, at + PART_BYTES)));
  }
  return frames;
}

/** Joins the parts of definitions on one connection; the parts of one definition are consecutive. */
export class DefinitionParts {
  #parts: Buffer[] = [];

  /** Returns the definition after its last part. Its members are not validated here. */
  add(flags: number, payload: Buffer): Definition | undefined {
    if ((flags & FLAG_MORE) !== 0) {
      this.#parts.push(Buffer.from(payload));
      return undefined;
    }
    const whole = this.#parts.length === 0 ? payload : Buffer.concat([...this.#parts, payload]);
    this.#parts = [];
    return decodeJsonObject(whole) as unknown as Definition;
  }
}
