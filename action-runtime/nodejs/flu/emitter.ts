import { Outcome, encodeEmit, encodeValue, MAX_INLINE_BYTES, type EncodedValue } from '../../protocol/index.js';
import { prepareHandOver, refuseHandedOver, takeOver } from './hand-over.js';
import type { Transport } from './transport.js';

/** Cost of an emit beside its encoded value, in bytes of the window. */
const EMIT_OVERHEAD_BYTES = 64;

interface WaitingEmit {
  readonly invocationId: number;
  readonly port: string;
  readonly value: EncodedValue;
  readonly taken: () => void;
}

const TAKEN = Promise.resolve();

/** Sends emitted values within the window that the agent grants; further ones wait, in order. */
export class Emitter {
  #waiting: WaitingEmit[] = [];
  #whenEmpty: (() => void) | undefined;

  readonly #transport: Pick<Transport, 'send' | 'sendLarge' | 'poll'>;
  #windowBytes: number;

  constructor(transport: Pick<Transport, 'send' | 'sendLarge' | 'poll'>, windowBytes: number) {
    this.#transport = transport;
    this.#windowBytes = windowBytes;
  }

  /** True while an emit waits for the window. */
  get waiting(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Encodes and sends a value. The promise resolves when the DLU has it.
   * @throws the errors of `encodeValue`
   */
  emit(invocationId: number, port: string, value: unknown): Promise<void> {
    const encoded = encodeValue(value, refuseHandedOver);
    if (this.#windowBytes <= 0) this.#transport.poll();
    if (this.#windowBytes > 0 && !this.waiting) {
      this.#send(invocationId, port, encoded);
      return TAKEN;
    }
    // The caller may change its Buffers as soon as `emit` returns.
    const own = takeOver(encoded);
    return new Promise((taken) => this.#waiting.push({ invocationId, port, value: own, taken }));
  }

  grant(bytes: number): void {
    this.#windowBytes += bytes;
    let sent = 0;
    while (this.#windowBytes > 0 && sent < this.#waiting.length) {
      const next = this.#waiting[sent++]!;
      this.#send(next.invocationId, next.port, next.value);
      next.taken();
    }
    this.#waiting = this.#waiting.slice(sent);
    if (!this.waiting) {
      this.#whenEmpty?.();
      this.#whenEmpty = undefined;
    }
  }

  /** Resolves when no emit waits for the window. */
  emptied(): Promise<void> {
    return this.waiting ? new Promise((resolve) => (this.#whenEmpty = resolve)) : TAKEN;
  }

  #send(invocationId: number, port: string, value: EncodedValue): void {
    this.#windowBytes -= value.size + EMIT_OVERHEAD_BYTES;
    if (value.size <= MAX_INLINE_BYTES) {
      const bytes = value.segments.length === 1 ? (value.segments[0] as Buffer) : Buffer.concat(value.segments);
      this.#transport.send(
        encodeEmit({ invocationId, port, shape: value.shape, slot: { where: 'inline', bytes } }),
        false,
      );
    } else {
      this.#transport.sendLarge({
        type: 'large',
        invocationId,
        port,
        outcome: Outcome.OK,
        shape: value.shape,
        startedNext: 0,
        value: prepareHandOver(value),
      });
    }
  }
}
