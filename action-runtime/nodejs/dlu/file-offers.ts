import { open } from 'node:fs/promises';
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
  const file = await open(path, 'r+');
  try {
    let at = 0;
    for (const segment of segments) {
      for (let from = 0; from < segment.length;) {
        const { bytesWritten } = await file.write(segment, from, segment.length - from, at);
        from += bytesWritten;
        at += bytesWritten;
      }
    }
  } finally {
    await file.close();
  }
}
