import { FLAG_FOLLOWED, FrameType, ProtocolError, encodeText } from '@dataflower/action-runtime/protocol';
import type { OfferedFile, OfferedFiles } from './file-sharing.js';

/** Largest number of files that a container was given and has not used. */
const MAX_OPEN_OFFERS = 64;

/** The files that one container was given to fill, from its OFFER until it announces the value in them. */
export class InboundOffers {
  readonly #offers = new Map<number, OfferedFile>();
  /** Offers whose file is being made. */
  readonly #pending = new Set<number>();
  #bytes = 0;
  #closed = false;

  readonly #files: OfferedFiles;
  readonly #mayAllocate: (bytes: number) => boolean;
  readonly #send: (frame: Buffer) => void;

  /** @param mayAllocate True when the container may have a file of this size in bytes. */
  constructor(files: OfferedFiles, mayAllocate: (bytes: number) => boolean, send: (frame: Buffer) => void) {
    this.#files = files;
    this.#mayAllocate = mayAllocate;
    this.#send = send;
  }

  /** Bytes of the files that the container has not used, and of those that are being made. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Answers OFFER with a file, or with none.
   *
   * @param hasRuns False: the container runs no function that could make a value, and gets none.
   */
  onOffer(id: number, size: number, hasRuns: boolean): void {
    if (this.#offers.has(id) || this.#pending.has(id))
      throw new ProtocolError('UNEXPECTED_FRAME', `offer ${id} was made before`);
    const mayHave =
      hasRuns && size > 0 && this.#offers.size + this.#pending.size < MAX_OPEN_OFFERS && this.#mayAllocate(size);
    const file = mayHave ? this.#files.allocate(size) : undefined;
    if (!(file instanceof Promise)) {
      this.#give(id, file);
      return;
    }
    this.#pending.add(id);
    this.#bytes += size;
    void file.then((made) => {
      this.#pending.delete(id);
      this.#bytes -= size;
      if (this.#closed) made?.discard();
      else this.#give(id, made);
    });
  }

  /** FILLED: the first `bytes` bytes of a file are written. */
  onFilled(id: number, bytes: number): void {
    const file = this.#offers.get(id);
    if (file?.filled === undefined)
      throw new ProtocolError('UNEXPECTED_FRAME', `FILLED of file ${id}, which did not ask for it`);
    if (bytes > file.size)
      throw new ProtocolError('MALFORMED_PAYLOAD', `file ${id} has ${file.size} bytes, not ${bytes}`);
    file.filled(bytes);
  }

  /** Takes out the file of a value that the container has filled. */
  take(id: number, size: number): OfferedFile {
    const file = this.#offers.get(id);
    if (file === undefined) throw new ProtocolError('UNEXPECTED_FRAME', `file ${id} was not given`);
    if (file.size !== size)
      throw new ProtocolError('MALFORMED_PAYLOAD', `file ${id} has ${file.size} bytes, not ${size}`);
    this.#offers.delete(id);
    this.#bytes -= size;
    return file;
  }

  /** Discards the files that the container was given: it has no runs left that could fill them. */
  drop(): void {
    for (const file of this.#offers.values()) {
      this.#bytes -= file.size;
      file.discard();
    }
    this.#offers.clear();
  }

  /** Called when the container has ended. */
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
