import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Pauses that a prober has seen since it was last asked. */
export interface ProbedPauses {
  /** The longest time to an answer, or to now for a question that is still open. */
  readonly longestMs: number;
  readonly answers: number;
}

/**
 * Asks a server for `/health/live` again and again, a millisecond after each answer, on a connection and a thread of its own.
 * A turn of the server's event loop that takes long delays the answer by as much: the server cannot hide it, as it could from
 * a clock inside its own loop, and it does not matter what the client is busy with.
 */
export class Prober {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static start(url: string): Prober {
    return new Prober(new Worker(new URL('./prober-thread.js', import.meta.url), { workerData: url }));
  }

  /** Pauses since the last call. */
  async take(): Promise<ProbedPauses> {
    this.#worker.postMessage('take');
    const [seen] = (await once(this.#worker, 'message')) as [ProbedPauses];
    return seen;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
