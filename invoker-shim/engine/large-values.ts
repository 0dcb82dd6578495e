import { bytesOf } from '../sink/bytes-of.js';
import type { DataSink, Value } from '../sink/value.js';
import { WorkThreads } from '../work-threads.js';
import type { EncodedItems, LargeAnswer, LargeWork, Question } from './large-value.js';

/** A value up to this many bytes is opened where it is needed: that takes some milliseconds at most. */
export const LARGE_BYTES = 512 * 1024;

const THREADS = new URL('large-value-thread.js', import.meta.url);
const TIME_LIMIT_MS = 60_000;
const MAX_WAITING = 10_000;
/** What one value may take as JavaScript, in MiB. */
const HEAP_MIB = 2048;

/** Opens large values for operators, in threads: none holds up the event loop. */
export class LargeValues {
  readonly #threads = new WorkThreads<LargeWork, LargeAnswer>({
    script: THREADS,
    maxThreads: 2,
    maxWaiting: MAX_WAITING,
    timeLimitMs: TIME_LIMIT_MS,
    heapMiB: HEAP_MIB,
  });

  constructor(private readonly sink: DataSink) {}

  /** A scalar; an empty list or object in place of one; undefined. */
  async member(value: Value, path: readonly string[]): Promise<unknown> {
    const answer = await this.#ask(value, { type: 'member', path });
    return 'member' in answer ? answer.member : undefined;
  }

  /** The elements of the member `value`; undefined when it is no list. */
  async items(value: Value, limit: number): Promise<EncodedItems | undefined> {
    const answer = await this.#ask(value, { type: 'items', limit });
    return 'items' in answer ? answer.items : undefined;
  }

  /** `{error}` with the member `error`. */
  async error(value: Value): Promise<Value> {
    const answer = await this.#ask(value, { type: 'error' });
    return this.put((answer as { items: EncodedItems }).items, 0);
  }

  /** The value with parameters below it and without a member. */
  async over(value: Value, parameters: Readonly<Record<string, unknown>>, without: string): Promise<Value> {
    const answer = await this.#ask(value, { type: 'over', parameters, without });
    return this.put((answer as { items: EncodedItems }).items, 0);
  }

  /** One of the items as a value; the caller owns the reference. */
  put({ bytes, ends, shapes }: EncodedItems, index: number): Value {
    const item = bytes.subarray(index === 0 ? 0 : ends[index - 1]!, ends[index]);
    // A copy, so that one item that waits long does not keep all others.
    return this.sink.put(Buffer.from(item), shapes[index]!);
  }

  async #ask(value: Value, question: Question): Promise<LargeAnswer> {
    return this.#threads.run({ bytes: await bytesOf(value), question }, new AbortController().signal);
  }
}
