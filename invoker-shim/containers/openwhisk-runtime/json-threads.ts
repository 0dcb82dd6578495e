import { WorkThreads } from '@dataflower/common';
import { type JsonResult, type JsonWork, bytesOf, doJsonWork } from './json-work.js';

/** Work on fewer bytes than this is done at once: it takes no longer than some milliseconds. */
const SMALL_BYTES = 128 * 1024;
/** Threads at once; what else is large waits. */
const MAX_THREADS = 2;
/** Least heap for one piece of work, in MiB. */
const THREAD_HEAP_MIB = 2048;
/** `[{},{},…` grows by a factor of twenty when it is read, and its parts may be there twice. */
const GROWTH = 40;

/**
 * Heap for work on messages of so many bytes, in MiB. All of them have room: V8 may end the process, not the thread alone,
 * when the heap of a thread is full.
 */
export function threadHeapMib(messageBytes: number): number {
  return Math.max(THREAD_HEAP_MIB, Math.ceil((GROWTH * messageBytes) / (1024 * 1024)));
}

/**
 * Reads and writes the JSON of images without this project's runtime. Large work has a thread of its own, so that no
 * container's answer holds up the agent or takes its memory: what is too much for the thread fails alone.
 */
export class JsonThreads {
  readonly #threads: WorkThreads<JsonWork, JsonResult<JsonWork>>;

  /** @param heapMiB What one piece of large work may take as JavaScript. */
  constructor(heapMiB = THREAD_HEAP_MIB) {
    const script = new URL('./json-thread.js', import.meta.url);
    this.#threads = new WorkThreads({ script, maxThreads: MAX_THREADS, heapMiB });
  }

  /** Rejects as `doJsonWork` throws, when the thread runs out of memory, and when the signal says so. Large bytes are given away. */
  async do<W extends JsonWork>(work: W, signal: AbortSignal): Promise<JsonResult<W>> {
    signal.throwIfAborted();
    const bytes = bytesOf(work);
    let size = 0;
    for (const piece of bytes) size += piece.length;
    if (size < SMALL_BYTES) return doJsonWork(work);
    // Only what fills its memory alone: a slice of the pool must not take its neighbours with it.
    const whole = bytes.filter(({ buffer, byteLength }) => byteLength > 0 && byteLength === buffer.byteLength);
    const result = await this.#threads.run(
      work,
      signal,
      whole.map(({ buffer }) => buffer as ArrayBuffer),
    );
    return result as JsonResult<W>;
  }
}
