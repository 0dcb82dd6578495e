import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { POSTED_MESSAGES } from '../bridge/cells.js';
import type { FromFlu, ToFlu } from '../bridge/messages.js';

/** The DLU's port to the FLU on the main thread, which executes runs in the order of posting. */
export class FluLink {
  readonly #port: MessagePort;
  readonly #cells: Int32Array;

  constructor(port: MessagePort, cells: Int32Array) {
    this.#port = port;
    this.#cells = cells;
  }

  listen(onMessage: (message: FromFlu) => void): void {
    this.#port.on('message', onMessage);
  }

  post(message: ToFlu, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
    Atomics.add(this.#cells, POSTED_MESSAGES, 1);
  }

  /** Messages that the FLU has posted and that were not delivered yet. */
  *undelivered(): Iterable<FromFlu> {
    for (let next; (next = receiveMessageOnPort(this.#port) as { message: FromFlu } | undefined) !== undefined;)
      yield next.message;
  }
}
