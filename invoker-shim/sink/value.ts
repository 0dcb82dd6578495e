import { Shape } from '@dataflower/action-runtime/protocol';

/**
 * A value on this host, counted by its consumers. Each holder of a reference releases it once; the last release frees the
 * bytes at once (proactive release). The bytes are encoded as the protocol says and stay closed in the agent.
 *
 * This is the only way to read a value. Where its bytes are kept is the sink's own matter, and may change while every
 * holder waits. Everything that reads throws SinkError VALUE_RELEASED after the last release.
 */
export interface Value {
  /** `Shape` bits of the protocol: what operators must know without opening the value. */
  readonly shape: number;
  /** Encoded size in bytes; of a composite, of its inline encoding. */
  readonly size: number;
  /** Number of values without members in it, each as often as it occurs; 1 for a value without members. */
  readonly parts: number;
  /** Levels of composites in it; 0 for a value without members. */
  readonly depth: number;
  /** The encoded bytes where they are at hand in one buffer, else undefined. They must not be changed. */
  readonly bytes: Buffer | undefined;
  /** The values that a composite is made of, which it owns; undefined for a value without members. */
  readonly members: Members | undefined;
  /**
   * A file on this machine with these bytes, for a driver that can share files with a container and for threads. Undefined
   * when there is none, and for composites. It stays while a holder uses the value.
   */
  readonly file: string | undefined;
  /** Reads the bytes of a value without members; `bytesOf` and `streamOf` read any value. */
  reader(): ValueReader;
  /** Adds a consumer. */
  retain(): void;
  /** Ends a consumer's use. */
  release(): void;
  /**
   * A holder begins to wait (true) or is about to use the value (false). While every holder waits the sink may move the
   * bytes out of memory.
   */
  setWaiting(waiting: boolean): void;
}

/** The values of a LIST, or the named values of a RECORD. */
export type Members =
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'record'; readonly entries: readonly (readonly [name: string, item: Value])[] };

/** Reads the bytes of one value, one read at a time. The reader's user holds a reference to the value. */
export interface ValueReader {
  /** Size of the value in bytes. */
  readonly size: number;
  /**
   * At most `length` bytes from offset `at`; a promise where they have to be fetched, which rejects with the storage's error.
   * Empty: the storage has no more bytes, although the value should have (a container has shortened its file).
   */
  read(at: number, length: number): Buffer | Promise<Buffer>;
  /** Frees what it holds open, between two reads. A further read opens it again. */
  close(): void;
}

/** True for an object, as `encodeValue` sees it. */
export function isObject({ shape }: Value): boolean {
  return (shape & Shape.OBJECT) !== 0;
}

/** True for an object with a member `error`. */
export function isError({ shape }: Value): boolean {
  return (shape & (Shape.OBJECT | Shape.ERROR)) === (Shape.OBJECT | Shape.ERROR);
}

/** True when Composer's test is positive: of an object its member `value` counts. */
export function isTruthy({ shape }: Value): boolean {
  return (shape & Shape.TRUTHY) !== 0;
}

/** A file that the agent made for a container to write a large value into (OFFER, FILE). */
export interface HandoverFile {
  readonly path: string;
  readonly size: number;
  /** Makes the file's bytes a value, owned by the caller. Rejects when the file has not the announced size. */
  seal(shape: number): Promise<Value>;
  /** Gives the file up: the container died or changed its mind. */
  discard(): void;
}

/** The hand-over files of one container. A file may be given again to the container that filled it, and to no other. */
export interface HandoverSource {
  /** A file of `size` bytes; undefined when no shared-memory directory can be used. */
  allocate(size: number): HandoverFile | undefined;
  /** The container has ended: its kept files are removed. */
  close(): void;
}

/** A value whose bytes arrive chunk by chunk. It ends with `seal` or `discard`, once. */
export interface IncomingValue {
  /** True when it takes memory of the agent while it arrives. */
  readonly inMemory: boolean;
  /** Takes the next bytes, which stay the caller's. A promise where they are being written elsewhere; it rejects when they cannot be kept. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** Makes a value of all bytes, owned by the caller. */
  seal(shape: number): Value | Promise<Value>;
  discard(): void;
}

/**
 * Small values that wait together, side by side in one buffer: no object for each, which the garbage collector would have to
 * follow and to move. A value in a pack belongs to the pack alone and stays in memory.
 */
export interface ValuePack {
  readonly slots: number;
  /** Bytes of the values in it. */
  readonly size: number;
  /** Copies a value into an empty slot and releases it. False, and nothing has changed, for a value that is not small or not in memory. */
  put(slot: number, value: Value): boolean;
  /** Makes the value of a slot a value by itself, owned by the caller, and empties the slot; undefined for an empty slot. */
  take(slot: number): Value | undefined;
  /** Writes the items of a LIST: slots from the first up to the first empty one. Returns the offset behind them. */
  writeItems(target: Buffer, at: number): number;
  /** Empties it. */
  discard(): void;
}

/**
 * Holds the values of a host until their last consumer has taken them. `sink/testing/sink-contract.ts` tests what every
 * sink does.
 */
export interface DataSink {
  readonly limitBytes: number;
  readonly residentBytes: number;
  /** The sink of a namespace: its values are charged to the namespace's share of the limit. */
  forNamespace(namespace: string): DataSink;
  /** False when the namespace has its share: emits are held back until there is room again. Return values always go in. */
  readonly hasRoom: boolean;
  /** Calls back once, when there is room (at once if there is). */
  whenRoom(callback: () => void): void;
  /** Puts bytes in; they belong to the sink from now on (no slice of a read buffer). The caller owns one reference. */
  put(bytes: Buffer, shape: number): Value;
  /** Announces a value of `size` bytes: it arrives in memory when that is allowed and there is room, else in a file. */
  receive(size: number, mayBeInMemory: boolean): IncomingValue;
  /** Files for the large values of one container. @param reuse False: each file is for one value and never given again. Default: true. */
  handoverSource(reuse?: boolean): HandoverSource;
  /** A LIST of the items; takes over their references. */
  list(items: readonly Value[]): Value;
  /** A RECORD of the entries; takes over the references of their values. Of entries with one name the last counts, as in JSON. */
  record(entries: readonly (readonly [name: string, item: Value])[]): Value;
  openPack(slots: number): ValuePack;
  close(): Promise<void>;
}
