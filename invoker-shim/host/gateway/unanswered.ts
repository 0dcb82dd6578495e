import { ChurnMap, Deque } from '@dataflower/common';
import type { AcceptedActivation } from '../acceptance/accepted.js';
import type { Answer, StartMessage } from '../host.js';

/** An activation that was given to the host, or will be, and is not answered. */
export interface Unanswered {
  message: StartMessage;
  readonly answer: Answer;
  /** Counts up with every start that is sent; 0: not sent yet. */
  number: number;
  /** The host process that it was sent to. */
  instance: string;
  /** Bytes of the payload, kept while it may have to be sent again. */
  keptBytes: number;
}

const NOTHING = Buffer.alloc(0);

/** The activations that a gateway has given to one host and that are not answered, in the order of their start. */
export class UnansweredTable {
  readonly #byId = new ChurnMap<string, Unanswered>();
  /** Sent and perhaps not received, in the order of their numbers. */
  readonly #unreceived = new Deque<Unanswered>();
  #keptBytes = 0;
  #lastNumber = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** Bytes of payloads that may have to be sent again. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  add(message: StartMessage, answer: Answer): Unanswered {
    const keptBytes = message.payload.length;
    const entry: Unanswered = { message, answer, number: 0, instance: '', keptBytes };
    this.#byId.set(message.activationId, entry);
    this.#keptBytes += keptBytes;
    return entry;
  }

  /** Adds an activation that an earlier process has sent; the host may have received it or not. It is never sent again, so that its payload is not needed. */
  restore(accepted: AcceptedActivation & Pick<StartMessage, 'received'>, answer: Answer): void {
    const message = { ...accepted, payload: NOTHING, paradigm: 'dataflow' } as StartMessage;
    this.#byId.set(accepted.activationId, { message, answer, number: 1, instance: '', keptBytes: 0 });
  }

  /** Numbers an activation that is about to be sent for the first time. */
  sent(entry: Unanswered, instance: string): void {
    entry.number = ++this.#lastNumber;
    entry.instance = instance;
    this.#unreceived.pushBack(entry);
  }

  /** The host has taken everything up to this number. */
  received(number: number): void {
    for (let first = this.#unreceived.peekFront(); first !== undefined; first = this.#unreceived.peekFront()) {
      if (first.number > number) return;
      this.#unreceived.popFront();
      this.#forgetPayload(first);
    }
  }

  /** Removes an activation to answer it; undefined when it was answered already. */
  take(activationId: string): Unanswered | undefined {
    const entry = this.#byId.get(activationId);
    if (entry === undefined) return undefined;
    this.#byId.delete(activationId);
    this.#forgetPayload(entry);
    return entry;
  }

  all(): Unanswered[] {
    return [...this.#byId.values()];
  }

  #forgetPayload(entry: Unanswered): void {
    if (entry.keptBytes === 0) return;
    this.#keptBytes -= entry.keptBytes;
    entry.keptBytes = 0;
    entry.message = { ...entry.message, payload: NOTHING };
  }
}
