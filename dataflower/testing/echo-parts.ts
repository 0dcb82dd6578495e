import { systemClock } from '@dataflower/common';
import { type ActivationRecord, MemoryNotes, type RecordFilter, type RecordStore } from '@dataflower/common/records';
import type { Answer, CancelOutcome, CancelRequest, Host, StartMessage } from '@dataflower/invoker-shim';
import type { Parts } from '../assembly/host/parts.js';

/** The end of an activation on an echoing host; `held` delays it until `release`. */
export type Script = (message: StartMessage) => Partial<Pick<ActivationRecord, 'status' | 'result' | 'logs'>> | 'held';

/** Records in memory. */
export class MemoryRecords implements RecordStore {
  readonly records: ActivationRecord[] = [];
  full = false;
  readonly notes = new MemoryNotes();

  append(record: ActivationRecord): void {
    this.records.push(record);
    this.notes.settle('activation', record.activationId);
  }

  written(callback: (error?: Error) => void): void {
    setImmediate(callback);
  }

  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    return Promise.resolve(this.records.find((r) => r.namespace === namespace && r.activationId === activationId));
  }

  list(filter: RecordFilter, skip: number, limit: number): Promise<ActivationRecord[]> {
    return Promise.resolve(this.#select(filter).slice(skip, skip + limit));
  }

  count(filter: RecordFilter, skip: number): Promise<number> {
    return Promise.resolve(Math.max(0, this.#select(filter).length - skip));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #select({ namespace, name, since = 0, upto = Infinity }: RecordFilter): ActivationRecord[] {
    return this.records
      .filter(
        (r) =>
          r.namespace === namespace && (name === undefined || r.name === name) && r.start >= since && r.start <= upto,
      )
      .reverse();
  }
}

/** A host that answers every activation with its payload, or by its script. */
export class EchoHost implements Host {
  readonly id = 'echo';
  readonly messages: StartMessage[] = [];
  script: Script = () => ({});
  readonly #held = new Map<string, { message: StartMessage; finish: (end: Partial<ActivationRecord>) => void }>();

  readonly #records: MemoryRecords;

  constructor(records: MemoryRecords) {
    this.#records = records;
  }

  start(message: StartMessage, answer: Answer): string {
    this.messages.push(message);
    const end = this.script(message);
    const finish = (given: Partial<ActivationRecord>): void => this.#finish(message, answer, given);
    if (end === 'held') this.#held.set(message.activationId, { message, finish });
    else setImmediate(finish, end);
    return this.id;
  }

  /** Ends all held activations. */
  release(): void {
    for (const { finish } of this.#held.values()) finish({});
    this.#held.clear();
  }

  /** Ends a held activation with the reason as its error. */
  cancel({ activationId, namespace, reason }: CancelRequest): Promise<CancelOutcome> {
    const held = this.#held.get(activationId);
    if (held?.message.identity.namespace !== namespace) return Promise.resolve({ outcome: 'unknown' });
    this.#held.delete(activationId);
    held.finish({ status: 2, result: JSON.stringify({ error: reason }) });
    return Promise.resolve({ outcome: 'stopping' });
  }

  status(): ReturnType<Host['status']> {
    return Promise.resolve({
      activations: this.#held.size,
      queued: 0,
      executor: { queued: 0, running: 0, containers: [], warmed: { started: 0, used: 0, inVain: 0 } },
      sink: { residentBytes: 0, limitBytes: 0 },
    });
  }

  metrics(): Promise<string> {
    return Promise.resolve('# HELP echo_total Of the echo\n');
  }

  close(): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  #finish(
    { activationId, identity, target, payload, received, ended }: StartMessage,
    answer: Answer,
    end: Partial<ActivationRecord>,
  ): void {
    const { action } = target;
    const now = systemClock.wall();
    const record: ActivationRecord = {
      activationId,
      namespace: identity.namespace,
      subject: identity.subject,
      name: action.name,
      version: action.version,
      start: now,
      end: now,
      duration: 0,
      status: 0,
      result: payload.toString(),
      size: payload.length,
      logs: [],
      annotations: {
        path: action.path,
        waitTime: systemClock.now() - received,
        kind: action.kind,
        timeout: false,
        limits: action.limits,
      },
      ...end,
    };
    this.#records.append(record);
    this.#records.written(() => answer(record, record.result));
    ended?.();
  }
}

export interface EchoParts extends Parts {
  readonly host: EchoHost;
  readonly records: MemoryRecords;
}

export function echoParts(): EchoParts {
  const records = new MemoryRecords();
  return { host: new EchoHost(records), records };
}
