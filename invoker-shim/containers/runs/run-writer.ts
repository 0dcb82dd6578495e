import { type Definition, encodeDefine, encodeRun } from '@dataflower/action-runtime/protocol';
import type { Clock } from '@dataflower/common';
import type { Connection } from '../wire/connection.js';
import type { FileSharing } from '../values/file-sharing.js';
import { type SlotTarget, bytesSlot, inputSlots } from '../values/input-slots.js';
import type { Run } from './run.js';

/** Definitions that one container receives before it is replaced. */
const MAX_DEFINITIONS = 4096;

/** Unread bytes above which nothing is sent ahead: more than streams take of a connection. */
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
  readonly #smallRuns: Connection;
  readonly #clock: Clock;

  /** @param smallRuns Carries DEFINE, and a RUN whose slots are all inline: the run channel, where there is one. */
  constructor(connection: Connection, smallRuns: Connection, clock: Clock, files: FileSharing) {
    this.#connection = connection;
    this.#smallRuns = smallRuns;
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

  /** True when the container has received as many definitions as one container may. */
  get full(): boolean {
    return this.#definitions.size >= MAX_DEFINITIONS;
  }

  /** True while the container has left too much unread for runs to be sent ahead. */
  get isCongested(): boolean {
    return this.#smallRuns.unreadBytes > CONGESTED_BYTES || this.#connection.unreadBytes > CONGESTED_BYTES;
  }

  /** Sends the RUN; the streams of its input are in `run.inputStreams`. Throws when the input cannot be sent. */
  send(run: Run, id: number, now: boolean, marked: boolean): void {
    const { request } = run;
    this.#streams = undefined;
    this.#shown = undefined;
    try {
      const slots = inputSlots(request.input, this.#target);
      if (request.env !== null) slots.push(bytesSlot(Buffer.from(request.env), this.#target));
      this.#activationId.write(request.activationId, 'hex');
      const frame = encodeRun({
        invocationId: id,
        activationId: this.#activationId,
        deadline: this.#clock.wall() + request.spec.timeoutMs,
        definition: request.definition === undefined ? 0 : this.#define(request.definition),
        transactionId: request.transactionId,
        slots,
        hasEnv: request.env !== null,
        marked,
      });
      const connection = slots.every((slot) => slot.where === 'inline') ? this.#smallRuns : this.#connection;
      if (now) connection.sendNow(frame);
      else connection.send(frame);
    } catch (error) {
      run.inputStreams = this.#streams;
      run.inputFiles = this.#shown;
      this.dropInput(run);
      throw error;
    }
    run.inputStreams = this.#streams;
    run.inputFiles = this.#shown;
  }

  /** The input is not needed any more: its unsent bytes are not sent. */
  dropInput(run: Run): void {
    for (const shown of run.inputFiles ?? []) this.#files.hide(shown);
    run.inputFiles = undefined;
    const streams = run.inputStreams;
    if (streams === undefined) return;
    run.inputStreams = undefined;
    for (const id of streams) this.#connection.dropStream(id, 'the invocation has no use for it any more');
  }

  #define(definition: Definition): number {
    const known = this.#definitions.get(definition);
    if (known !== undefined) return known;
    const number = this.#definitions.size + 1;
    for (const frame of encodeDefine(number, definition)) this.#smallRuns.send(frame);
    this.#definitions.set(definition, number);
    return number;
  }
}
