import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';
import { POSTED_MESSAGES } from '../bridge/cells.js';
import type { FromFlu, ThreadConfig, ThreadData, ToFlu } from '../bridge/messages.js';
import type { FluEvents, FluExit, FluLink } from './flu-link.js';

/** The usual FLU: a worker thread of this process. It starts at once, and loads an action when it is told which. */
export class FluThread implements FluLink {
  readonly #worker: Worker;
  readonly #cells: Int32Array;
  readonly #port;
  #exit: FluExit = { outOfMemory: false };

  /** @param memoryMiB Bound of its heap. */
  constructor(memoryMiB: number, shared: Pick<ThreadData, 'cells' | 'held' | 'fd' | 'runChannel'>, events: FluEvents) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#cells = new Int32Array(shared.cells);
    const data: ThreadData = { port: port2, ...shared };
    this.#worker = new Worker(new URL('../flu/thread.js', import.meta.url), {
      workerData: data,
      transferList: [port2],
      argv: [],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memoryMiB },
    });
    port1.on('message', (message: FromFlu) => events.onMessage(message));
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      const outOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      this.#exit = outOfMemory ? { outOfMemory } : { outOfMemory, error };
    });
    this.#worker.on('exit', () => {
      // What the thread had posted before it ended comes first.
      for (let next; (next = receiveMessageOnPort(port1) as { message: FromFlu } | undefined) !== undefined;)
        events.onMessage(next.message);
      port1.close();
      events.onExit(this.#exit);
    });
  }

  /** Has it load an action; once. What it loads may take long, or never end. */
  load(config: ThreadConfig): void {
    this.#worker.postMessage(config);
  }

  post(message: ToFlu, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
    Atomics.add(this.#cells, POSTED_MESSAGES, 1);
  }

  terminate(): void {
    void this.#worker.terminate();
  }

  residentBytes(): number {
    return process.memoryUsage.rss();
  }
}
