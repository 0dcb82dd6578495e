import { MAX_INLINE_BYTES, type Slot, encodeEmit, encodeResult } from '../../protocol/index.js';
import type { LargeMessage, LargeValue } from '../bridge/messages.js';
import type { FileOffers } from './file-offers.js';
import type { FrameWriter } from './frame-writer.js';
import type { OutgoingStreams } from './outgoing-streams.js';

interface Entry {
  /** Undefined until it is decided how the entry's value travels. */
  frame: Uint8Array | undefined;
  /** True for a frame that the FLU posted and counts. */
  readonly posted: boolean;
  /** The streams that the frame announces. */
  readonly streams: [number, LargeValue][];
}

/**
 * The frames to be sent, in order. A frame waits until every large value before it has a file or a stream, so that frames of
 * an invocation never overtake each other. The bytes of streams follow on their own.
 */
export class Outbox {
  readonly #entries: Entry[] = [];
  #onEmpty: (() => void) | undefined;

  readonly #writer: FrameWriter;
  readonly #streams: OutgoingStreams;
  readonly #offers: FileOffers | undefined;

  constructor(writer: FrameWriter, streams: OutgoingStreams, offers: FileOffers | undefined) {
    this.#writer = writer;
    this.#streams = streams;
    this.#offers = offers;
  }

  push(frame: Uint8Array): void {
    this.#entries.push({ frame, posted: true, streams: [] });
    this.#advance();
  }

  /** Adds a frame of the DLU's own, after all that the FLU has posted. */
  pushOwn(frame: Uint8Array): void {
    this.#entries.push({ frame, posted: false, streams: [] });
    this.#advance();
  }

  pushLarge(message: LargeMessage): void {
    const entry: Entry = { frame: undefined, posted: true, streams: [] };
    this.#entries.push(entry);
    void this.#place(message, entry);
  }

  /** Calls back when every frame has been passed to the writer. */
  empty(callback: () => void): void {
    this.#onEmpty = callback;
    this.#advance();
  }

  async #place(message: LargeMessage, entry: Entry): Promise<void> {
    const slot = await this.#slot(message.value, entry);
    const { invocationId, shape } = message;
    if (message.port !== undefined) {
      entry.frame = encodeEmit({ invocationId, port: message.port, shape, slot });
    } else {
      const slots = message.env === undefined ? [slot] : [slot, await this.#slot(message.env, entry)];
      const { outcome, startedNext, marked = false } = message;
      entry.frame = encodeResult({
        invocationId,
        outcome: outcome as 0 | 1 | 2,
        shape,
        startedNext,
        marked,
        slots,
        hasEnv: slots.length > 1,
      });
    }
    this.#advance();
  }

  async #slot(value: LargeValue, entry: Entry): Promise<Slot> {
    if (value.size <= MAX_INLINE_BYTES) return { where: 'inline', bytes: Buffer.concat(value.segments) };
    const fileId = await this.#offers?.store(value);
    if (fileId !== undefined) return { where: 'file', fileId, size: value.size, path: '' };
    const streamId = this.#streams.newId();
    entry.streams.push([streamId, value]);
    return { where: 'stream', streamId, size: value.size };
  }

  #advance(): void {
    let sent = 0;
    while (sent < this.#entries.length && this.#entries[sent]!.frame !== undefined) {
      const { frame, posted, streams } = this.#entries[sent++]!;
      this.#writer.write(frame!);
      if (posted) this.#writer.settlePosted();
      for (const [id, value] of streams) this.#streams.start(id, value);
    }
    this.#entries.splice(0, sent);
    if (this.#entries.length > 0) return;
    this.#onEmpty?.();
    this.#onEmpty = undefined;
  }
}
