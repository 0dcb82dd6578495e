// Not from `node:fs/promises`: this way it is loaded when it is used, not while a container starts.
import { promises } from 'node:fs';
import { FrameType, encodeAmount } from '../../protocol/index.js';
import type { LargeValue } from '../bridge/messages.js';
import type { FrameWriter } from './frame-writer.js';

/** Hands large values over in files that the agent makes: OFFER asks for one, FILE names it. */
export class FileOffers {
  #nextId = 1;
  readonly #open = new Map<number, (path: string) => void>();

  constructor(private readonly writer: FrameWriter) {}

  /** Writes the value into a file of the agent's; undefined when the agent refuses or the file does not take it. */
  async store(value: LargeValue): Promise<number | undefined> {
    const id = this.#nextId++;
    const path = await new Promise<string>((answer) => {
      this.#open.set(id, answer);
      this.writer.write(encodeAmount(FrameType.OFFER, id, value.size));
    });
    if (path === '') return undefined;
    try {
      await writeSegments(path, value.segments);
      return id;
    } catch (error) {
      console.error(`a hand-over file cannot be written: ${String(error)}`);
      return undefined;
    }
  }

  answered(id: number, path: string): void {
    const answer = this.#open.get(id);
    this.#open.delete(id);
    answer?.(path);
  }
}

async function writeSegments(path: string, segments: readonly Uint8Array[]): Promise<void> {
  // The agent has made the file; the container never creates one.
  const file = await promises.open(path, 'r+');
  try {
    // All in one call, as far as the system takes it.
    let left = segments.filter(({ length }) => length > 0);
    for (let at = 0; left.length > 0;) {
      const { bytesWritten } = await file.writev(left, at);
      at += bytesWritten;
      left = rest(left, bytesWritten);
    }
  } finally {
    await file.close();
  }
}

/** What follows the first `written` bytes. */
function rest(segments: readonly Uint8Array[], written: number): Uint8Array[] {
  let first = 0;
  while (first < segments.length && written >= segments[first]!.length) written -= segments[first++]!.length;
  const left = segments.slice(first);
  if (written > 0) left[0] = left[0]!.subarray(written);
  return left;
}
