import { open } from 'node:fs/promises';
import type { Slot } from '../../protocol/index.js';
import type { IncomingStreams } from './incoming-streams.js';

/** Reads a slot's value into memory of its own, wherever it is. A hand-over file is read once and never mapped. */
export async function readSlot(slot: Slot, streams: IncomingStreams): Promise<ArrayBuffer> {
  switch (slot.where) {
    case 'inline': {
      const bytes = new ArrayBuffer(slot.bytes.length);
      new Uint8Array(bytes).set(slot.bytes);
      return bytes;
    }
    case 'stream':
      return streams.receive(slot.streamId, slot.size);
    case 'file':
      return readFile(slot.path, slot.size);
  }
}

async function readFile(path: string, size: number): Promise<ArrayBuffer> {
  const buffer = Buffer.allocUnsafeSlow(size);
  const file = await open(path, 'r');
  try {
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(buffer, at, size - at, at);
      if (bytesRead === 0) throw new Error(`${path} has ${at} bytes, ${size} were announced`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  return buffer.buffer;
}
