import { Worker } from 'node:worker_threads';
import { CodedError } from './coded-error.js';
import { Deque } from './deque.js';

export interface WorkThreadsOptions {
  /** Module that does one piece of work: reads `workerData`, posts one message with the result, and ends. */
  readonly script: URL;
  /** Most threads at once; further work waits in order. */
  readonly maxThreads: number;
  /** Most pieces of work that wait. Default: no bound, for callers that have one of their own. */
  readonly maxWaiting?: number;
  /** Time limit of one piece of work in its thread, in ms. Default: none, for callers whose signal is a limit. */
  readonly timeLimitMs?: number;
  /**
   * JavaScript heap of one piece of work, in MiB. Work that needs more fails. Where a single step needs much more, V8 ends the
   * process: the caller must bound the work so that this cannot happen.
   */
  readonly heapMiB: number;
}

/** As many pieces of work wait for a thread as are allowed. */
export class ThreadsBusyError extends CodedError<'THREADS_BUSY'> {
  static readonly codes = ['THREADS_BUSY'] as const;

  constructor(waiting: number) {
    super('ThreadsBusyError', 'THREADS_BUSY', true, `${waiting} pieces of work wait for a thread already.`);
  }
}

/** A piece of work took longer than its time limit. */
export class WorkTimeoutError extends CodedError<'WORK_TIMEOUT'> {
  static readonly codes = ['WORK_TIMEOUT'] as const;

  constructor(limitMs: number) {
    super('WorkTimeoutError', 'WORK_TIMEOUT', false, `The work took longer than ${limitMs} ms.`);
  }
}

/** Runs work that takes too long or needs too much memory for the event loop. Each piece of work has a thread of its own. */
export class WorkThreads<W, R> {
  readonly #waiting = new Deque<() => void>();
  #running = 0;

  readonly #options: WorkThreadsOptions;

  constructor(options: WorkThreadsOptions) {
    this.#options = options;
  }

  /**
   * Does one piece of work. Rejects with the error that the script throws, with an error when the heap is full, with
   * `ThreadsBusyError`, `WorkTimeoutError`, and the signal's reason.
   * @param transfer Buffers that are handed over, not copied.
   */
  async run(work: W, signal: AbortSignal, transfer: readonly ArrayBuffer[] = []): Promise<R> {
    signal.throwIfAborted();
    const { maxThreads, maxWaiting = Infinity } = this.#options;
    if (this.#running < maxThreads) this.#running++;
    else if (this.#waiting.length >= maxWaiting) throw new ThreadsBusyError(this.#waiting.length);
    else await new Promise<void>((resolve) => this.#waiting.pushBack(resolve));
    try {
      signal.throwIfAborted();
      return await this.#inThread(work, signal, transfer);
    } finally {
      const next = this.#waiting.popFront();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #inThread(work: W, signal: AbortSignal, transfer: readonly ArrayBuffer[]): Promise<R> {
    const { script, heapMiB, timeLimitMs } = this.#options;
    const worker = new Worker(script, {
      workerData: work,
      transferList: [...transfer],
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
    return new Promise<R>((resolve, reject) => {
      const end = (reason: Error): void => {
        reject(reason);
        void worker.terminate();
      };
      const stop = (): void => end(signal.reason as Error);
      signal.addEventListener('abort', stop, { once: true });
      const limit =
        timeLimitMs === undefined
          ? undefined
          : setTimeout(() => end(new WorkTimeoutError(timeLimitMs)), timeLimitMs).unref();
      worker.once('message', (result: R) => resolve(result));
      worker.once('error', reject);
      worker.once('exit', () => {
        signal.removeEventListener('abort', stop);
        clearTimeout(limit);
        reject(new Error('the thread ended without a result'));
      });
    });
  }
}
