import { WorkThreads, WorkTimeoutError } from '@dataflower/common';
import { bytesOf } from './bytes-of.js';
import { type Answer, type ClosedValue, type Encoded, type Question, answer } from './questions.js';
import type { DataSink, Value } from './value.js';

/** What is opened on the event loop at most, in bytes: JSON that was made to be slow takes some milliseconds. */
export const SMALL_BYTES = 128 * 1024;
/** Largest value that is opened at all, in bytes. */
const MAX_OPENED_BYTES = 16 * 1024 * 1024;

/**
 * One bound for the process. `[[],[],…` grows by a factor of twenty when it is read, which the heap of a thread has room for:
 * V8 may end the process, not the thread alone, when that is full.
 */
const threads = new WorkThreads<{ closed: ClosedValue; question: Question }, unknown>({
  script: new URL('./question-thread.js', import.meta.url),
  maxThreads: 2,
  timeLimitMs: 60_000,
  heapMiB: 1024,
});
const never = new AbortController().signal;

/** A value cannot be opened; the message is for the user. */
export class NotOpenedError extends Error {
  override readonly name = 'NotOpenedError';
}

/**
 * Asks something of a value, whose reference the caller holds until it is answered. At once for a small value in memory; what
 * is larger is opened in a thread of its own. Rejects with `NotOpenedError`, and with the file system's error.
 */
export function ask<Q extends Question>(value: Value, question: Q): Answer<Q> | Promise<Answer<Q>> {
  if (value.size > SMALL_BYTES) return askThread(value, question);
  const bytes = bytesOf(value);
  return Buffer.isBuffer(bytes) ? answer({ bytes }, question) : bytes.then((read) => answer({ bytes: read }, question));
}

/** An answer as a value, owned by the caller. */
export function putEncoded(sink: DataSink, { bytes, shape }: Encoded): Value {
  return sink.put(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), shape);
}

async function askThread<Q extends Question>(value: Value, question: Q): Promise<Answer<Q>> {
  if (value.size > MAX_OPENED_BYTES) {
    throw new NotOpenedError(
      `The workflow has to look into a value of ${value.size} bytes; at most ${MAX_OPENED_BYTES} are looked into.`,
    );
  }
  try {
    return (await threads.run({ closed: closedOf(value), question }, never)) as Answer<Q>;
  } catch (error) {
    if (!(error instanceof WorkTimeoutError)) throw error;
    const message = `The workflow has to look into a value of ${value.size} bytes, which takes too long.`;
    throw new NotOpenedError(message, { cause: error });
  }
}

function closedOf({ body }: Value): ClosedValue {
  switch (body.at) {
    case 'memory':
      return body;
    case 'file':
      return body;
    case 'list':
      return { items: body.items.map(closedOf) };
    case 'record':
      return { entries: body.entries.map(([name, item]) => [name, closedOf(item)] as const) };
  }
}
