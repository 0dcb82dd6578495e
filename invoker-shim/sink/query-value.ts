import { CodedError, WorkThreads, WorkTimeoutError } from '@dataflower/common';
import type { DataSink, Value } from './value.js';
import { bytesOf } from './value-bytes.js';
import { type ClosedValue, type Encoded, type QueryResult, type ValueQuery, evaluateQuery } from './value-query.js';

/** Largest value that is opened on the event loop, in bytes: JSON that was made to be slow takes some milliseconds. */
export const SMALL_BYTES = 128 * 1024;
/** Largest value that is opened at all, in bytes. */
const MAX_OPENED_BYTES = 16 * 1024 * 1024;

/**
 * One bound for the process. `[[],[],…` grows by a factor of twenty when it is read; the heap of a thread has room for that.
 * When that heap is full, V8 may end the process and not the thread alone.
 */
const threads = new WorkThreads<{ closed: ClosedValue; query: ValueQuery }, unknown>({
  script: new URL('./query-thread.js', import.meta.url),
  maxThreads: 2,
  timeLimitMs: 60_000,
  heapMiB: 1024,
});
const never = new AbortController().signal;

const CODES = ['VALUE_NOT_OPENED'] as const;

/** A value is too large to be opened, or takes too long; the message is for the user. */
export class ValueNotOpenedError extends CodedError<(typeof CODES)[number]> {
  static readonly codes = CODES;

  constructor(message: string, options?: ErrorOptions) {
    super('ValueNotOpenedError', 'VALUE_NOT_OPENED', false, message, options);
  }
}

/**
 * Queries a value, whose reference the caller holds until there is a result: at once for a small value in memory; a larger
 * value is opened in a thread of its own. Rejects with `ValueNotOpenedError`, and with the storage's error.
 */
export function queryValue<Q extends ValueQuery>(value: Value, query: Q): QueryResult<Q> | Promise<QueryResult<Q>> {
  if (value.size > SMALL_BYTES) return queryInThread(value, query);
  const bytes = bytesOf(value);
  return Buffer.isBuffer(bytes)
    ? evaluateQuery({ bytes }, query)
    : bytes.then((read) => evaluateQuery({ bytes: read }, query));
}

/** Puts an encoded value of a query's result into the sink, owned by the caller. */
export function putEncoded(sink: DataSink, { bytes, shape }: Encoded): Value {
  return sink.put(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), shape);
}

async function queryInThread<Q extends ValueQuery>(value: Value, query: Q): Promise<QueryResult<Q>> {
  if (value.size > MAX_OPENED_BYTES) {
    throw new ValueNotOpenedError(
      `The workflow has to look into a value of ${value.size} bytes; at most ${MAX_OPENED_BYTES} are looked into.`,
    );
  }
  try {
    const fetched: Promise<void>[] = [];
    const closed = closedOf(value, fetched);
    await Promise.all(fetched);
    return (await threads.run({ closed, query }, never)) as QueryResult<Q>;
  } catch (error) {
    if (!(error instanceof WorkTimeoutError)) throw error;
    const message = `The workflow has to look into a value of ${value.size} bytes, which takes too long.`;
    throw new ValueNotOpenedError(message, { cause: error });
  }
}

/** Values that have to be fetched are complete when the promises that are added to `fetched` are fulfilled. */
function closedOf(value: Value, fetched: Promise<void>[]): ClosedValue {
  const { bytes, members, file } = value;
  if (bytes !== undefined) return { bytes };
  if (file !== undefined) return { path: file };
  if (members?.kind === 'list') return { items: members.items.map((item) => closedOf(item, fetched)) };
  if (members?.kind === 'record')
    return { entries: members.entries.map(([name, item]) => [name, closedOf(item, fetched)] as const) };
  const closed: { bytes: Uint8Array } = { bytes: Buffer.alloc(0) };
  fetched.push(Promise.resolve(bytesOf(value)).then((read) => void (closed.bytes = read)));
  return closed;
}
