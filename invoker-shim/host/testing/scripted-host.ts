import type { ActivationRecord, RecordStore } from '@dataflower/common/records';
import type { Answer, CancelOutcome, CancelRequest, Host, HostStatus, StartMessage } from '../host.js';

/** A host that runs nothing: the test says when an activation ends, and with what. */
export class ScriptedHost implements Host {
  readonly id = 'host0';
  /** Ids of everything that was started, in order. */
  readonly started: string[] = [];
  readonly cancelled: string[] = [];
  /** Ids of those that go on after their answer, until `end`. */
  readonly goesOn = new Set<string>();
  readonly #answered = new Map<string, StartMessage>();
  /** Where set, starts are refused. */
  refusal: Error | undefined;
  readonly #running = new Map<string, { readonly message: StartMessage; readonly answer: Answer }>();

  readonly #records: RecordStore;

  constructor(records: RecordStore) {
    this.#records = records;
  }

  get running(): string[] {
    return [...this.#running.keys()];
  }

  message(activationId: string): StartMessage | undefined {
    return this.#running.get(activationId)?.message;
  }

  start(message: StartMessage, answer: Answer): string {
    if (this.refusal !== undefined) throw this.refusal;
    this.started.push(message.activationId);
    this.#running.set(message.activationId, { message, answer });
    return this.id;
  }

  /** Ends an activation: its record is written, then it is answered. */
  finish(activationId: string, result?: string, caller = result, logs: readonly string[] = []): void {
    const { message, answer } = this.#running.get(activationId)!;
    this.#running.delete(activationId);
    const text = result ?? message.payload.toString();
    const record: ActivationRecord = {
      activationId,
      namespace: message.identity.namespace,
      subject: message.identity.subject,
      name: message.target.action.name,
      version: '0.0.1',
      start: message.receivedAt,
      end: message.receivedAt + 1,
      duration: 1,
      status: 0,
      result: text,
      size: text.length,
      logs,
      annotations: { path: message.target.action.path },
    };
    this.#records.append(record);
    this.#records.written(() => answer(record, caller ?? text));
    if (this.goesOn.has(activationId)) this.#answered.set(activationId, message);
    else message.ended?.();
  }

  /** Ends one that has gone on after its answer. */
  end(activationId: string): void {
    this.#answered.get(activationId)!.ended?.();
    this.#answered.delete(activationId);
  }

  cancel({ activationId }: CancelRequest): Promise<CancelOutcome> {
    if (!this.#running.has(activationId)) return Promise.resolve({ outcome: 'unknown' });
    this.cancelled.push(activationId);
    this.finish(activationId, '{"error":"cancelled"}');
    return Promise.resolve({ outcome: 'stopping' });
  }

  status(): Promise<HostStatus> {
    return Promise.resolve({
      activations: this.#running.size,
      queued: 0,
      executor: { queued: 0, running: 0, containers: [], warmed: { started: 0, used: 0, inVain: 0 } },
      sink: { residentBytes: 0, limitBytes: 0 },
    });
  }

  metrics(): Promise<string> {
    return Promise.resolve('');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
