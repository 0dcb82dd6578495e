import fs from 'node:fs/promises';
import type { AppendQueue } from './append-queue.js';
import type { ActivationRecord } from './record.js';
import { FRAME_HEADER_BYTES, decodeFrame } from './record-codec.js';
import type { Segment } from './segment.js';

/** Enough for the head of nearly every record. */
const BRIEF_BYTES = 4096;

/** Reads records by their rows, from the queue or from the files. */
export class FrameReader {
  constructor(private readonly queue: AppendQueue) {}

  /** In the order given; those whose segment was dropped meanwhile are left out. With `brief`, heads alone. */
  async read(
    rows: readonly { readonly segment: Segment; readonly row: number }[],
    brief: boolean,
  ): Promise<ActivationRecord[]> {
    // What is queued is copied now: a later turn may find it written.
    const frames = rows.map(({ segment, row }) => this.queue.peek(segment, ...place(segment, row)));
    const missing = new Map<Segment, number[]>();
    rows.forEach(({ segment }, i) => {
      if (frames[i] !== undefined) return;
      const same = missing.get(segment);
      if (same === undefined) missing.set(segment, [i]);
      else same.push(i);
    });
    for (const [segment, wanted] of missing) {
      await withFile(segment.path, async (file) => {
        for (const i of wanted) frames[i] = await readFrame(file, ...place(segment, rows[i]!.row), brief);
      });
    }
    return frames.filter((frame) => frame !== undefined).map((frame) => decodeFrame(frame, brief));
  }
}

function place(segment: Segment, row: number): [offset: number, length: number] {
  return [segment.index.offsets[row]!, segment.index.lengths[row]!];
}

async function withFile(path: string, use: (file: fs.FileHandle) => Promise<void>): Promise<void> {
  let file: fs.FileHandle;
  try {
    file = await fs.open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

async function readFrame(file: fs.FileHandle, offset: number, length: number, brief: boolean): Promise<Buffer> {
  if (brief && length > BRIEF_BYTES) {
    const begin = await readAt(file, offset, BRIEF_BYTES);
    const headEnd = FRAME_HEADER_BYTES + begin.readUInt32LE(0);
    return headEnd <= BRIEF_BYTES ? begin : readAt(file, offset, headEnd);
  }
  return readAt(file, offset, length);
}

async function readAt(file: fs.FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new Error(`a record ends after ${done} of ${length} bytes: its file was cut`);
    done += bytesRead;
  }
  return bytes;
}
