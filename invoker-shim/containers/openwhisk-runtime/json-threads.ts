import { WorkThreads } from '@dataflower/common';
import { type JsonResult, type JsonWork, bytesOf, doJsonWork } from './json-work.js';

/** Work on fewer bytes is done on the calling thread: it takes a few milliseconds at most. */
const SMALL_BYTES = 128 * 1024;
/** Concurrent threads; further large work waits. */
const MAX_THREADS = 2;
/** Least heap for one piece of work, in MiB. */
const THREAD_HEAP_MIB = 2048;
/** Heap per byte of JSON: `[{},{},…` grows by a factor of twenty when it is parsed, and may exist twice. */
const GROWTH = 40;

/**
 * Heap for work on messages of this size, in MiB. It suffices for every message: V8 may end the process, not the thread
 * alone, when the heap of a thread is full.
 */
export function threadHeapMib(messageBytes: number): number {
  return Math.max(THREAD_HEAP_MIB, Math.ceil((GROWTH * messageBytes) / (1024 * 1024)));
}

/**
 * Parses and writes the JSON of OpenWhisk runtimes. Large work gets a thread of its own, so that no container's answer
 * blocks the agent or exhausts its memory: work that is too large for the thread fails alone.
 */
export class JsonThreads {
  readonly #threads: WorkThreads<JsonWork, JsonResult<JsonWork>>;

  /** @param heapMiB Heap limit of a thread, in MiB. */
  constructor(heapMiB = THREAD_HEAP_MIB) {
    const script = new URL('./json-thread.js', import.meta.url);
    this.#threads = new WorkThreads({ script, maxThreads: MAX_THREADS, heapMiB });
  }

  /** Rejects with the error of `doJsonWork`, when the thread runs out of memory, and when aborted. Large bytes are transferred. */
  async do<W extends JsonWork>(work: W, signal: AbortSignal): Promise<JsonResult<W>> {
    signal.throwIfAborted();
    const bytes = bytesOf(work);
    let size = 0;
    for (const piece of bytes) size += piece.length;
    if (size < SMALL_BYTES) return doJsonWork(work);
    // Only buffers that own their memory: transferring a slice of the pool would take its neighbours with it.
    const whole = bytes.filter(({ buffer, byteLength }) => byteLength > 0 && byteLength === buffer.byteLength);
    const result = await this.#threads.run(
      work,
      signal,
      whole.map(({ buffer }) => buffer as ArrayBuffer),
    );
    return result as JsonResult<W>;
  }
}
