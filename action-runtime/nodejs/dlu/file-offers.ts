// `node:fs` loads `promises` on first use; an import of `node:fs/promises` would load it in every cold start.
import { promises } from 'node:fs';
import { FrameType, encodeAmount } from '../../protocol/index.js';
import type { LargeValue } from '../bridge/messages.js';
import { logForOperator } from '../bridge/process-streams.js';
import type { FrameWriter } from './frame-writer.js';

/** Interval between FILLED frames for an agent that follows, in bytes. */
const FOLLOWED_BYTES = 4 * 1024 * 1024;

interface Answer {
  /** Empty when the agent refuses. */
  readonly path: string;
  readonly followed: boolean;
}

/** Hands large values over in files that the agent creates: OFFER asks for one, FILE names it. */
export class FileOffers {
  #nextId = 1;
  readonly #open = new Map<number, (answer: Answer) => void>();

  readonly #writer: FrameWriter;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** Writes the value into a file of the agent's; returns the offer's id, undefined when the agent refuses or the write fails. */
  async store(value: LargeValue): Promise<number | undefined> {
    const id = this.#nextId++;
    const { path, followed } = await new Promise<Answer>((answer) => {
      this.#open.set(id, answer);
      this.#writer.write(encodeAmount(FrameType.OFFER, id, value.size));
    });
    if (path === '') return undefined;
    try {
      const report = (bytes: number): void => this.#writer.write(encodeAmount(FrameType.FILLED, id, bytes));
      await writeSegments(path, value.segments, followed ? report : undefined);
      return id;
    } catch (error) {
      logForOperator(`cannot write a hand-over file: ${String(error)}`);
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
  // The agent has created the file; the container never creates one.
  const file = await promises.open(path, 'r+');
  try {
    // In one call, as far as the system accepts it, when the agent does not follow.
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

/** The bytes after the first `written` ones. */
function rest(segments: readonly Uint8Array[], written: number): Uint8Array[] {
  let first = 0;
  while (first < segments.length && written >= segments[first]!.length) written -= segments[first++]!.length;
  const left = segments.slice(first);
  if (written > 0) left[0] = left[0]!.subarray(written);
  return left;
}

/** The first bytes, at most this many. */
function first(segments: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let i = 0; i < segments.length && bytes > 0; i++) {
    found.push(segments[i]!.subarray(0, bytes));
    bytes -= segments[i]!.length;
  }
  return found;
}
