import { type Definition, encodeDefine, encodeRun } from '@dataflower/action-runtime/protocol';
import type { Clock } from '@dataflower/common';
import type { Connection } from '../wire/connection.js';
import type { FileSharing } from '../values/file-sharing.js';
import { type SlotTarget, bytesSlot, inputSlots } from '../values/input-slots.js';
import type { PendingRun } from './run.js';

/** Definitions that one container learns before it is replaced. */
const MAX_DEFINITIONS = 4096;

/** With more unread nothing is sent ahead, in bytes: more than streams take of a connection. */
const CONGESTED_BYTES = 1024 * 1024;

/** Turns runs into RUN frames for one container, with the streams and definitions that go with them. */
export class RunWriter {
  readonly #definitions = new Map<Definition, number>();
  readonly #activationId = Buffer.alloc(16);
  readonly #target: SlotTarget;
  readonly #files: FileSharing;
  #streams: number[] | undefined;
  #shown: string[] | undefined;

  readonly #connection: Connection;
  readonly #small: Connection;
  readonly #clock: Clock;

  /** @param small Where DEFINE goes, and a RUN whose slots are all inline: the run channel, where there is one. */
  constructor(connection: Connection, small: Connection, clock: Clock, files: FileSharing) {
    this.#connection = connection;
    this.#small = small;
    this.#clock = clock;

    this.#files = files;
    this.#target = {
      show: (path) => {
        const shown = files.show(path);
        if (shown !== undefined) (this.#shown ??= []).push(shown);
        return shown;
      },
      openStream: (source) => {
        const id = connection.openStream(source);
        (this.#streams ??= []).push(id);
        return id;
      },
    };
  }

  /** True when the container has learnt as many definitions as it may. */
  get full(): boolean {
    return this.#definitions.size >= MAX_DEFINITIONS;
  }

  /** True while the container has not taken so much of what it was sent that nothing is to be sent ahead. */
  get isCongested(): boolean {
    return this.#small.unreadBytes > CONGESTED_BYTES || this.#connection.unreadBytes > CONGESTED_BYTES;
  }

  /** Sends the RUN; the streams of its input are in `pending.inputStreams`. Throws when the input cannot be sent. */
  send(pending: PendingRun, id: number, now: boolean, marked: boolean): void {
    const { run } = pending;
    this.#streams = undefined;
    this.#shown = undefined;
    try {
      const slots = inputSlots(run.input, this.#target);
      if (run.env !== null) slots.push(bytesSlot(Buffer.from(run.env), this.#target));
      this.#activationId.write(run.activationId, 'hex');
      const frame = encodeRun({
        invocationId: id,
        activationId: this.#activationId,
        deadline: this.#clock.wall() + run.spec.timeoutMs,
        definition: run.definition === undefined ? 0 : this.#define(run.definition),
        transactionId: run.transactionId,
        slots,
        hasEnv: run.env !== null,
        marked,
      });
      const way = slots.every((slot) => slot.where === 'inline') ? this.#small : this.#connection;
      if (now) way.sendNow(frame);
      else way.send(frame);
    } catch (error) {
      pending.inputStreams = this.#streams;
      pending.inputFiles = this.#shown;
      this.dropInput(pending);
      throw error;
    }
    pending.inputStreams = this.#streams;
    pending.inputFiles = this.#shown;
  }

  /** The input is not needed any more: what of it is still on its way is not sent. */
  dropInput(pending: PendingRun): void {
    for (const shown of pending.inputFiles ?? []) this.#files.hide(shown);
    pending.inputFiles = undefined;
    const streams = pending.inputStreams;
    if (streams === undefined) return;
    pending.inputStreams = undefined;
    for (const id of streams) this.#connection.dropStream(id, 'the invocation has no use for it any more');
  }

  #define(definition: Definition): number {
    const known = this.#definitions.get(definition);
    if (known !== undefined) return known;
    const number = this.#definitions.size + 1;
    for (const frame of encodeDefine(number, definition)) this.#small.send(frame);
    this.#definitions.set(definition, number);
    return number;
  }
}
