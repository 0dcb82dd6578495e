import type { Slot } from '../../protocol/index.js';
import { readHandOver } from '../bridge/hand-over-file.js';
import type { IncomingStreams } from './incoming-streams.js';

/** Reads a slot's value into memory of its own, wherever it is. */
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
      return readHandOver(slot.path, slot.size);
  }
}
