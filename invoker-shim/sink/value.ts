/**
 * A value on this host, counted by its consumers. Whoever holds a reference releases it once; at zero the bytes are
 * gone at once (proactive release). The bytes are encoded as the protocol says and stay closed in the agent.
 */
export interface Value {
  /** `Shape` bits of the protocol. */
  readonly shape: number;
  /** Encoded size in bytes; of a composite, all that it holds. */
  readonly size: number;
  /** Values without parts that it consists of, 1 for one without: as often as they are in it. */
  readonly parts: number;
  /** Composites inside each other in it; 0 for a value without parts. */
  readonly depth: number;
  /** Where the bytes are now; spilling changes it. */
  readonly body: ValueBody;
  /** One consumer more. */
  retain(): void;
  /** One consumer less. */
  release(): void;
}

export type ValueBody =
  | { readonly at: 'memory'; readonly bytes: Buffer }
  /** A hand-over file (shared memory) or a spilled value (disk). */
  | { readonly at: 'file'; readonly path: string }
  | { readonly at: 'list'; readonly items: readonly Value[] }
  | { readonly at: 'record'; readonly entries: readonly (readonly [name: string, item: Value])[] };

/** A file that the agent made for a container to write a large value into (OFFER, FILE). */
export interface HandoverFile {
  readonly path: string;
  readonly size: number;
  /** The file's bytes become a value, owned by the caller. Rejects when the file has not the announced size. */
  seal(shape: number): Promise<Value>;
  /** The container died or changed its mind. */
  discard(): void;
}

/** The hand-over files of one container. One that it has filled before may be given to it again, and to no other. */
export interface HandoverSource {
  /** A file of `size` bytes; undefined when no shared-memory directory can be used. */
  allocate(size: number): HandoverFile | undefined;
  /** The container has ended: what is kept for it goes. */
  close(): void;
}

/** A value whose bytes come in piece by piece. It ends with `seal` or `discard`, once. */
export interface IncomingValue {
  readonly inMemory: boolean;
  /** Takes the next bytes, which stay the caller's. A promise where they are on their way to a file; it rejects when they cannot be kept. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** All of it is here: it becomes a value, owned by the caller. */
  seal(shape: number): Value | Promise<Value>;
  discard(): void;
}

/** Where the values of a host live until their last consumer has taken them. */
export interface DataSink {
  readonly limitBytes: number;
  readonly residentBytes: number;
  /** The sink as a namespace sees it: what comes in by it is the namespace's, and counts for its share of the limit. */
  forNamespace(namespace: string): DataSink;
  /** False when the namespace has its share: emits are held back until there is room again. Return values always go in. */
  readonly hasRoom: boolean;
  /** Calls back once, when there is room (at once if there is). */
  whenRoom(callback: () => void): void;
  /** Puts bytes in; they belong to the sink from now on (no slice of a read buffer). The caller owns one reference. */
  put(bytes: Buffer, shape: number): Value;
  /** A value of `size` bytes that is about to come in: in memory when it may be there and there is room, else in a file. */
  receive(size: number, mayBeInMemory: boolean): IncomingValue;
  /** Files for the large values of one container. @param reuse False: each file is for one value and never given again. Default: true. */
  handoverSource(reuse?: boolean): HandoverSource;
  /** Composites take over the references of what they are made of. */
  list(items: readonly Value[]): Value;
  record(entries: readonly (readonly [name: string, item: Value])[]): Value;
  /** A value that waits in the Wait-Match memory may be spilled to disk when memory is short; call with false before use. */
  setWaiting(value: Value, waiting: boolean): void;
  /** The value as JavaScript, byte strings as base64: for the REST border, records and operators. Rejects when malformed. */
  toJson(value: Value): unknown;
  toJsonAsync(value: Value): Promise<unknown>;
  close(): Promise<void>;
}
