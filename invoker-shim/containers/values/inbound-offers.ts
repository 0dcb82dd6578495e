import { FLAG_FOLLOWED, FrameType, ProtocolError, encodeText } from '@dataflower/action-runtime/protocol';
import type { OfferedFile, OfferedFiles } from './file-sharing.js';

/** Files that a container may have been given and not yet used. */
const MAX_OPEN_OFFERS = 64;

/** The files that one container was given to fill, from its OFFER until it says what is in them. */
export class InboundOffers {
  readonly #offers = new Map<number, OfferedFile>();
  /** Offers whose file is being made. */
  readonly #coming = new Set<number>();
  #bytes = 0;
  #closed = false;

  readonly #files: OfferedFiles;
  readonly #mayHave: (bytes: number) => boolean;
  readonly #send: (frame: Buffer) => void;

  /** @param mayHave Whether it may have so many bytes more. */
  constructor(files: OfferedFiles, mayHave: (bytes: number) => boolean, send: (frame: Buffer) => void) {
    this.#files = files;
    this.#mayHave = mayHave;
    this.#send = send;
  }

  /** Of the files that it has been given and not used, and of those that are being made. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * OFFER: a file, or none when there can be none.
   *
   * @param hasRuns Without runs there is no value that it could be for.
   */
  onOffer(id: number, size: number, hasRuns: boolean): void {
    if (this.#offers.has(id) || this.#coming.has(id))
      throw new ProtocolError('UNEXPECTED_FRAME', `offer ${id} was made before`);
    const isOne = hasRuns && size > 0 && this.#offers.size + this.#coming.size < MAX_OPEN_OFFERS && this.#mayHave(size);
    const file = isOne ? this.#files.allocate(size) : undefined;
    if (!(file instanceof Promise)) {
      this.#give(id, file);
      return;
    }
    this.#coming.add(id);
    this.#bytes += size;
    void file.then((made) => {
      this.#coming.delete(id);
      this.#bytes -= size;
      if (this.#closed) made?.discard();
      else this.#give(id, made);
    });
  }

  /** FILLED: so much of a file is there. */
  onFilled(id: number, bytes: number): void {
    const file = this.#offers.get(id);
    if (file?.filled === undefined)
      throw new ProtocolError('UNEXPECTED_FRAME', `FILLED of file ${id}, of which it was not asked`);
    if (bytes > file.size)
      throw new ProtocolError('MALFORMED_PAYLOAD', `file ${id} has ${file.size} bytes, not ${bytes}`);
    file.filled(bytes);
  }

  /** The file of a value that it has filled. */
  take(id: number, size: number): OfferedFile {
    const file = this.#offers.get(id);
    if (file === undefined) throw new ProtocolError('UNEXPECTED_FRAME', `file ${id} was not given`);
    if (file.size !== size)
      throw new ProtocolError('MALFORMED_PAYLOAD', `file ${id} has ${file.size} bytes, not ${size}`);
    this.#offers.delete(id);
    this.#bytes -= size;
    return file;
  }

  /** It has no runs any more: the files that it was given are for nothing. */
  drop(): void {
    for (const file of this.#offers.values()) {
      this.#bytes -= file.size;
      file.discard();
    }
    this.#offers.clear();
  }

  /** The container is gone. */
  close(): void {
    this.#closed = true;
    this.drop();
    this.#files.close();
  }

  #give(id: number, file: OfferedFile | undefined): void {
    if (file !== undefined) {
      this.#offers.set(id, file);
      this.#bytes += file.size;
    }
    const flags = file?.filled === undefined ? 0 : FLAG_FOLLOWED;
    this.#send(encodeText(FrameType.FILE, id, file?.pathThere ?? '', flags));
  }
}
