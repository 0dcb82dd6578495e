import { Worker } from 'node:worker_threads';
import { Deque } from '../deque.js';
import { type JsonResult, type JsonWork, bytesOf, doJsonWork } from './json-work.js';

/** Work on fewer bytes than this is done at once: it takes no longer than some milliseconds. */
const SMALL_BYTES = 128 * 1024;
/** Threads at once; what else is large waits. */
const MAX_THREADS = 2;
/** What one piece of work may take as JavaScript, in MiB: `[[],[],…` grows by a factor of twenty when it is read. */
const THREAD_HEAP_MIB = 1024;

/**
 * Reads and writes the JSON of images without this project's runtime. Large work has a thread of its own, so that no
 * container's answer holds up the agent or takes its memory: what is too much for the thread fails alone.
 */
export class JsonThreads {
  readonly #waiting = new Deque<() => void>();
  #running = 0;

  /** @param heapMiB What one piece of large work may take as JavaScript. */
  constructor(private readonly heapMiB = THREAD_HEAP_MIB) {}

  /** Rejects as `doJsonWork` throws, when the thread runs out of memory, and when the signal says so. Large bytes are given away. */
  async do<W extends JsonWork>(work: W, signal: AbortSignal): Promise<JsonResult<W>> {
    signal.throwIfAborted();
    const bytes = bytesOf(work);
    let size = 0;
    for (const piece of bytes) size += piece.length;
    if (size < SMALL_BYTES) return doJsonWork(work);
    if (this.#running >= MAX_THREADS) await new Promise<void>((resolve) => this.#waiting.pushBack(resolve));
    else this.#running++;
    try {
      signal.throwIfAborted();
      return await inThread(work, bytes, this.heapMiB, signal);
    } finally {
      const next = this.#waiting.popFront();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function inThread<W extends JsonWork>(
  work: W,
  bytes: readonly Uint8Array[],
  heapMiB: number,
  signal: AbortSignal,
): Promise<JsonResult<W>> {
  const worker = new Worker(new URL('json-thread.js', import.meta.url), {
    workerData: work,
    // Only what fills its memory alone: a slice of the pool must not take its neighbours with it.
    transferList: bytes
      .filter(({ buffer, byteLength }) => byteLength > 0 && byteLength === buffer.byteLength)
      .map(({ buffer }) => buffer as ArrayBuffer),
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  });
  return new Promise<JsonResult<W>>((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
      void worker.terminate();
    };
    signal.addEventListener('abort', stop, { once: true });
    worker.once('message', (result: JsonResult<W>) => resolve(result));
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      reject(new Error('the thread ended without a result'));
    });
  });
}
