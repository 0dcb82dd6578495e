// Not from `node:fs/promises`: this way it is loaded when it is used, not while a container starts.
import { promises } from 'node:fs';
import { FrameType, encodeAmount } from '../../protocol/index.js';
import type { LargeValue } from '../bridge/messages.js';
import { complain } from '../bridge/complain.js';
import type { FrameWriter } from './frame-writer.js';

/** An agent that follows is told after each so many bytes how far a file is filled. */
const FOLLOWED_BYTES = 4 * 1024 * 1024;

interface Answer {
  /** Empty: refused. */
  readonly path: string;
  readonly followed: boolean;
}

/** Hands large values over in files that the agent makes: OFFER asks for one, FILE names it. */
export class FileOffers {
  #nextId = 1;
  readonly #open = new Map<number, (answer: Answer) => void>();

  readonly #writer: FrameWriter;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** Writes the value into a file of the agent's; undefined when the agent refuses or the file does not take it. */
  async store(value: LargeValue): Promise<number | undefined> {
    const id = this.#nextId++;
    const { path, followed } = await new Promise<Answer>((answer) => {
      this.#open.set(id, answer);
      this.#writer.write(encodeAmount(FrameType.OFFER, id, value.size));
    });
    if (path === '') return undefined;
    try {
      const told = (bytes: number): void => this.#writer.write(encodeAmount(FrameType.FILLED, id, bytes));
      await writeSegments(path, value.segments, followed ? told : undefined);
      return id;
    } catch (error) {
      complain(`a hand-over file cannot be written: ${String(error)}`);
      return undefined;
    }
  }

  answered(id: number, path: string, followed: boolean): void {
    const answer = this.#open.get(id);
    this.#open.delete(id);
    answer?.({ path, followed });
  }
}

async function writeSegments(
  path: string,
  segments: readonly Uint8Array[],
  filled: ((bytes: number) => void) | undefined,
): Promise<void> {
  // The agent has made the file; the container never creates one.
  const file = await promises.open(path, 'r+');
  try {
    // All in one call, as far as the system takes it, where nobody follows.
    let left = segments.filter(({ length }) => length > 0);
    for (let at = 0; left.length > 0;) {
      const { bytesWritten } = await file.writev(filled === undefined ? left : first(left, FOLLOWED_BYTES), at);
      at += bytesWritten;
      left = rest(left, bytesWritten);
      if (left.length > 0) filled?.(at);
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

/** The first of the bytes, at most so many. */
function first(segments: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let i = 0; i < segments.length && bytes > 0; i++) {
    found.push(segments[i]!.subarray(0, bytes));
    bytes -= segments[i]!.length;
  }
  return found;
}
