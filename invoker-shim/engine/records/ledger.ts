import type { ActivationRecord, RecordWriter } from '@dataflower/common/records';
import type { RunEnd } from '../../containers/executor.js';
import { noteAccepted } from '../../host/acceptance/accepted.js';
import type { AnswerText } from '../../results/answer-text.js';
import type { ResultText } from '../../results/result-text.js';
import type { Value } from '../../sink/value.js';
import type { Activation } from '../activation/activation.js';
import type { Home, WorkflowRecords } from '../activation/home.js';
import type { Run } from '../activation/run.js';
import { unreadableText } from '../values/json-value.js';
import { functionRecord, workflowRecord } from './part-record.js';

/** Makes the text of a result for a record. */
export type ToResultText = (value: Value) => ResultText | Promise<ResultText>;

/** Makes the texts of an outermost activation's result: for its record, and for its caller. */
export type ToAnswerText = (value: Value) => AnswerText | Promise<AnswerText>;

/** Called when a record is appended, with the JSON that the caller of an outermost activation gets. */
type Appended = (record: ActivationRecord, answer: string) => void;

/** Makes the records of runs and workflows that have ended, and appends them, off the path of the data. */
export class Ledger implements WorkflowRecords {
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

  /** Appends the record of a run that has ended. Takes over a reference of the result. */
  runEnded(run: Run, end: RunEnd, appended: Appended): void {
    if (end.allLogs !== undefined) {
      void end.allLogs.then((logs) => this.runEnded(run, { ...end, logs, allLogs: undefined }, appended));
      return;
    }
    const toText = run.firing === undefined ? this.#answerText : this.#resultText;
    this.#withText(end.value, toText, (text) => {
      const record = functionRecord(run, tooLong(text) ? { ...end, status: 1 } : end, text, this.#hostId);
      this.#note(run.firing?.activation);
      this.#records.append(record);
      appended(record, answerOf(text));
    });
  }

  answered(home: Home, appended: Appended): void {
    const { activation } = home;
    const { status, value, at } = home.answer!;
    home.answer = undefined;
    const toText = activation.parent === undefined ? this.#answerText : this.#resultText;
    this.#withText(value, toText, (text) => {
      const record = workflowRecord(home, tooLong(text) ? 1 : status, text, at + activation.wallAhead);
      this.#note(activation.parent);
      activation.noted = true;
      this.#records.append(record);
      appended(record, answerOf(text));
    });
  }

  ended(home: Home): void {
    const { record } = home;
    if (record === undefined || !isOutdated(home, record)) return;
    home.record = workflowRecord(home, record.status, { text: record.result, size: record.size }, record.end);
    this.#records.append(home.record, true);
  }

  /** Calls back when all records appended so far are written; never, when the process stops while the disk refuses them. */
  written(callback: () => void): void {
    this.#records.written((error) => {
      if (error === undefined) callback();
    });
  }

  /** A part is about to have a record, which names its workflow: from now on the workflow will have one too, whatever dies. */
  #note(workflow: Activation | undefined): void {
    for (let outer = workflow; outer?.noted === false; outer = outer.parent) {
      outer.noted = true;
      const { id: activationId, transactionId, identity, cause } = outer;
      const receivedAt = outer.received + outer.wallAhead;
      const { type, action, workflow } = outer.target;
      const target = { type, action, workflow, cause };
      const accepted = { activationId, transactionId, identity, target, receivedAt };
      noteAccepted(this.#records.notes, { accepted, host: this.#hostId });
    }
  }

  /** Gives a result's text to `use`, at once when the value is in memory, and releases the value. */
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

/** The caller's text; a part has no caller. */
function answerOf(text: ResultText | AnswerText): string {
  return 'answer' in text ? text.answer : text.text;
}

function tooLong(text: ResultText | AnswerText): boolean {
  return 'tooLong' in text && text.tooLong;
}

function isOutdated({ activation, lateErrors }: Home, record: ActivationRecord): boolean {
  const { parts, cancelled } = activation;
  if (cancelled && record.annotations['cancelled'] !== true) return true;
  return lateErrors > 0 || parts.duration !== record.duration || parts.size !== record.logs.length;
}
