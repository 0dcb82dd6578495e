import type { ActivationRecord, RecordWriter } from '@dataflower/common/records';
import type { RunEnd } from '../../containers/executor.js';
import { noteAccepted } from '../../host/accepted.js';
import type { Identity } from '../../host/host.js';
import type { Value } from '../../sink/value.js';
import type { Activation } from '../activation/activation.js';
import type { FunctionInstance } from '../activation/run.js';
import type { AnswerText } from '../../results/answer-text.js';
import { type ResultText, functionRecord, workflowRecord } from './part-record.js';
import { unreadableText } from '../values/unreadable.js';

/** How a result is put into a record. */
export type ToResultText = (value: Value) => ResultText | Promise<ResultText>;

/** How the result of an outermost activation is put into its record and its caller's answer. */
export type ToAnswerText = (value: Value) => AnswerText | Promise<AnswerText>;

/** Hears of an appended record, with the JSON that the caller of an outermost activation gets. */
export type Appended = (record: ActivationRecord, answer: string) => void;

/** The books of an engine: makes the records of what has ended and appends them, off the path of the data. */
export class Ledger {
  readonly #records: RecordWriter;
  readonly #resultText: ToResultText;
  readonly #answerText: ToAnswerText;
  readonly #hostId: string;

  constructor(records: RecordWriter, resultText: ToResultText, answerText: ToAnswerText, hostId: string) {
    this.#records = records;
    this.#resultText = resultText;
    this.#answerText = answerText;
    this.#hostId = hostId;
  }

  /** Appends the record of a function run; `appended` is called then. Takes over a reference of the result. */
  functionEnded(instance: FunctionInstance, identity: Identity, end: RunEnd, appended: Appended): void {
    if (end.allLogs !== undefined) {
      void end.allLogs.then((logs) =>
        this.functionEnded(instance, identity, { ...end, logs, allLogs: undefined }, appended),
      );
      return;
    }
    const toText = instance.place === undefined ? this.#answerText : this.#resultText;
    this.#withText(end.value, toText, (text) => {
      const record = functionRecord(
        instance,
        identity,
        tooLong(text) ? { ...end, status: 1 } : end,
        text,
        this.#hostId,
      );
      this.#note(instance.place?.activation);
      this.#records.append(record);
      appended(record, answerOf(text));
    });
  }

  /** Appends the record of a workflow that has answered, as it is now. Takes over the reference of its result. */
  answered(activation: Activation, appended: Appended): void {
    const { status, value, at } = activation.result!;
    activation.result = undefined;
    const toText = activation.parent === undefined ? this.#answerText : this.#resultText;
    this.#withText(value, toText, (text) => {
      const record = workflowRecord(activation, tooLong(text) ? 1 : status, text, at + activation.wallAhead);
      this.#note(activation.parent);
      this.#records.append(record);
      appended(record, answerOf(text));
    });
  }

  /** Appends a workflow's record once more, when parts of it ended or failed after the answer. */
  ended(activation: Activation): void {
    const { record } = activation;
    if (record === undefined || !isOutdated(activation, record)) return;
    activation.record = workflowRecord(
      activation,
      record.status,
      { text: record.result, size: record.size },
      record.end,
    );
    this.#records.append(activation.record, true);
  }

  /** Calls back when everything appended so far is written; never, when the process stops while the disk refuses it. */
  written(callback: () => void): void {
    this.#records.written((error) => {
      if (error === undefined) callback();
    });
  }

  /** A part is about to have a record, which names its workflow: whatever dies now, the workflow has one as well. */
  #note(workflow: Activation | undefined): void {
    for (let outer = workflow; outer?.noted === false && outer.record === undefined; outer = outer.parent) {
      outer.noted = true;
      const { id: activationId, transactionId, identity, cause } = outer;
      const receivedAt = outer.received + outer.wallAhead;
      const { type, action, workflow } = outer.target;
      const target = { type, action, workflow, cause };
      const accepted = { activationId, transactionId, identity, target, receivedAt };
      noteAccepted(this.#records.notes, { accepted, host: this.#hostId });
    }
  }

  /** Hands on a result's text, at once when the value is in memory, and releases the value. */
  #withText(value: Value, toText: ToResultText | ToAnswerText, use: (text: ResultText) => void): void {
    const unreadable = (error: unknown): ResultText => {
      return { text: JSON.stringify({ error: unreadableText('The result', error) }), size: value.size };
    };
    let text: ResultText | Promise<ResultText>;
    try {
      text = toText(value);
    } catch (error) {
      text = unreadable(error);
    }
    if (text instanceof Promise) {
      void text.catch(unreadable).then((read) => {
        value.release();
        use(read);
      });
      return;
    }
    value.release();
    use(text);
  }
}

/** Of a part, which has no caller, the answer is nobody's. */
function answerOf(text: ResultText | AnswerText): string {
  return 'answer' in text ? text.answer : text.text;
}

function tooLong(text: ResultText | AnswerText): boolean {
  return 'tooLong' in text && text.tooLong;
}

function isOutdated(activation: Activation, record: ActivationRecord): boolean {
  const { lateErrors, parts, cancelled } = activation;
  if (cancelled && record.annotations['cancelled'] !== true) return true;
  return lateErrors > 0 || parts.duration !== record.duration || parts.size !== record.logs.length;
}
