import { LRUCache } from 'lru-cache';
import type { Clock, ContainerLogger } from '@dataflower/common';
import { isGivenUp, type ActivationRecord, type RecordReader } from '@dataflower/common/records';
import type { CancelRequest, FunctionTarget, Host, StartMessage, WorkflowTarget } from '../host.js';
import { decodeRecords, encodeAnswer, encodeRecord } from '../messages/record-messages.js';
import { HostLinkError } from '../wire/errors.js';
import type { Link } from '../wire/link.js';
import { MessageType } from '../messages/message-type.js';
import { Pulse } from '../wire/pulse.js';
import { ReceivedTargets } from './received-targets.js';
import { Requests, type Responder, respond } from '../wire/requests.js';
import { readStart } from '../messages/start-message.js';
import type { WithheldRecords } from './withheld-records.js';

const MIB = 1024 * 1024;
/** Bytes not read by a gateway at which it is disconnected; it finds the answers in the records. */
const MAX_UNSENT_BYTES = 256 * MIB;
/** Unsent bytes at which answers that are sent again wait. */
const RESENT_BYTES = 4 * MIB;
/** Bytes of payloads after which a beat is sent ahead of its time, so that the gateway need not keep the payloads. */
const PAYLOAD_BYTES = 8 * MIB;
/** Bytes kept of answers that differ from their records: binary results, and results beyond a record's size. */
const KEPT_ANSWERS_BYTES = 64 * MIB;
const KEPT_ANSWERS_MS = 10_000;
const REPLY_MS = 20_000;
/** Beats of silence after which a gateway is disconnected. */
const BREAK_BEATS = 4;

export interface SessionContext {
  readonly host: Host;
  readonly records: WithheldRecords;
  /** The records that a gateway may read here: those that are not in the database yet. */
  readonly readable: RecordReader;
  readonly clock: Clock;
  readonly logger: ContainerLogger;
  readonly readTarget: (text: string) => FunctionTarget | WorkflowTarget;
  /** Hands an activation that runs for another process over to this one; false when it runs for none. */
  readonly handOver: (activationId: string, to: GatewaySession) => boolean;
  /** The load that every beat tells. */
  readonly load: () => object;
  /** The session of the gateway process for which an activation runs here. */
  readonly sessionOf: (activationId: string) => GatewaySession | undefined;
}

/** The state of one gateway process at a host, over all its connections. */
export class GatewaySession {
  /** Requests to the gateway. */
  readonly requests: Requests;
  #received: number | null = null;
  readonly #running = new Set<string>();
  /** Activations whose end the gateway wants to be told, until they end. */
  readonly #lasting = new Set<string>();
  /** Sessions of the gateway processes that have taken over activations of this one. */
  readonly #heirs = new Map<string, GatewaySession>();
  /** The gateway's records of activations that it has given up and that still run here. */
  readonly #abandoned = new Map<string, ActivationRecord>();
  readonly #kept = new LRUCache<string, { readonly record: ActivationRecord; readonly result: string }>({
    maxSize: KEPT_ANSWERS_BYTES,
    ttl: KEPT_ANSWERS_MS,
    sizeCalculation: ({ record, result }) => record.result.length + result.length,
  });
  #link: Link | undefined;
  #targets: ReceivedTargets;
  #payloadBytes = 0;
  readonly #responders: Readonly<Record<string, Responder>>;
  readonly #pulse: Pulse;

  readonly #context: SessionContext;

  constructor(
    /** Id of the gateway's process. */
    readonly instance: string,
    readonly name: string,
    context: SessionContext,
  ) {
    this.#context = context;

    this.requests = new Requests(context.clock, `The plugin ${name}`, REPLY_MS);
    this.#targets = new ReceivedTargets(context.readTarget);
    this.#responders = sessionResponders(context, (record) => this.#abandon(record));
    this.#pulse = new Pulse(context.clock, {
      beat: () => this.beat(),
      heard: () => this.#heard(),
      silent: (beats) => {
        if (beats >= BREAK_BEATS) this.#link?.destroy(new HostLinkError('UNREACHABLE', `${name} has gone silent`));
      },
    });
  }

  /** Number of the last start that was received; null when this gateway process was not known before. */
  get received(): number | null {
    return this.#received;
  }

  /** Number of its activations that are not answered. */
  get running(): number {
    return this.#running.size;
  }

  runs(activationId: string): boolean {
    return this.#running.has(activationId);
  }

  /** It has activations here: the session must be kept. */
  get isNeeded(): boolean {
    return this.#running.size > 0 || this.#heirs.size > 0 || this.#lasting.size > 0;
  }

  /** The gateway keeps code for activations that run here. */
  get keepsCode(): boolean {
    return this.#lasting.size > 0;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  /** Uses a new connection of this gateway; the connection before it is cut off, so that no message of that one comes later. */
  attach(link: Link): void {
    this.#link?.destroy();
    this.#link = link;
    this.#targets = new ReceivedTargets(this.#context.readTarget);
  }

  /** The greeting is over. */
  greeted(): void {
    this.#received ??= 0;
    this.requests.use(this.#link);
    this.beat();
  }

  /** False when another connection has taken its place. */
  detach(link: Link): boolean {
    if (this.#link !== link) return false;
    this.#link = undefined;
    this.#targets = new ReceivedTargets(this.#context.readTarget);
    this.requests.use(undefined);
    return true;
  }

  /** Hands an activation over: its answer goes to another process of the gateway. False when it does not run for this one. */
  handOver(activationId: string, to: GatewaySession): boolean {
    if (!this.#running.delete(activationId)) return false;
    this.#heirs.set(activationId, to);
    to.#running.add(activationId);
    return true;
  }

  beat(): void {
    this.#payloadBytes = 0;
    this.#link?.send(MessageType.BEAT, JSON.stringify({ received: this.#received ?? 0, ...this.#context.load() }));
  }

  frame(link: Link, type: number, head: string, body: Buffer): void {
    if (type === MessageType.START) this.#start(head, body);
    else if (type === MessageType.TARGET) this.#targets.add(head, body);
    else if (type === MessageType.FORGET) this.#targets.forget(Number(head));
    else if (type === MessageType.REQUEST) respond(link, this.#responders, head, body);
    else if (type === MessageType.REPLY) this.requests.onReply(head, body);
    else if (type === MessageType.RESUME) this.#onResume(link, head);
    else if (type === MessageType.LASTING) this.#onLasting(link, head);
    else if (type !== MessageType.BEAT && type !== MessageType.BYE)
      throw new HostLinkError('PROTOCOL', `a message of the unknown type ${type}`);
  }

  /** It is forgotten; what runs goes on to its end and has its record. */
  close(): void {
    this.#pulse.close();
    this.requests.close(new HostLinkError('CLOSED', `The plugin ${this.name} is gone.`));
  }

  #heard(): boolean {
    const link = this.#link;
    if (link?.heard === false) return false;
    if (link !== undefined) link.heard = false;
    return true;
  }

  #start(head: string, body: Buffer): void {
    const targetOf = (target: number): StartMessage['target'] | undefined => this.#targets.get(target);
    const { number, lasts, message } = readStart(head, body, this.#context.clock.now(), targetOf);
    this.#received = number;
    this.#payloadBytes += body.length;
    if (this.#payloadBytes >= PAYLOAD_BYTES) this.beat();
    const { activationId } = message;
    if (this.#running.has(activationId)) return;
    this.#running.add(activationId);
    if (lasts) this.#lasting.add(activationId);
    const ended = lasts ? { ended: () => this.#ended(activationId) } : {};
    try {
      this.#context.host.start({ ...message, ...ended }, (record, result) => this.#answered(message, record, result));
    } catch (err) {
      this.#running.delete(activationId);
      this.#lasting.delete(activationId);
      this.#context.logger.warn({ err, activationId }, 'an activation was not taken');
      this.#link?.send(MessageType.LOST, activationId);
    }
  }

  #answered(message: StartMessage, record: ActivationRecord, result: string): void {
    const { activationId } = message;
    const heir = this.#heirs.get(activationId);
    if (heir !== undefined) {
      this.#heirs.delete(activationId);
      heir.#answered(message, record, result);
      return;
    }
    this.#running.delete(activationId);
    const abandoned = this.#abandoned.get(activationId);
    if (abandoned !== undefined) {
      this.#abandoned.delete(activationId);
      // Its own record may have been appended already when the gateway gave it up.
      this.#giveWay(abandoned).catch((err: unknown) =>
        this.#context.logger.error(
          { err, activationId },
          'the record of an activation that was given up cannot be replaced',
        ),
      );
      return;
    }
    if (result !== record.result) this.#kept.set(activationId, { record, result });
    const link = this.#link;
    if (link === undefined) return;
    this.#send(link, record, result);
    if (link.unsentBytes > MAX_UNSENT_BYTES) {
      link.destroy(new HostLinkError('OVERLOADED', `the plugin ${this.name} does not take its answers`));
    }
  }

  /** Tells the gateway that an activation has ended; when it is not answered yet, the answer tells it. */
  #ended(activationId: string): void {
    this.#lasting.delete(activationId);
    if (!this.#running.has(activationId)) this.#link?.send(MessageType.ENDED, activationId);
  }

  /** Tells the gateway which of the activations whose end it waits for have ended. */
  #onLasting(link: Link, head: string): void {
    for (const activationId of readIds(head)) {
      if (!this.#lasting.has(activationId)) link.send(MessageType.ENDED, activationId);
    }
  }

  #send(link: Link, record: ActivationRecord, result: string): void {
    const { head, body } = encodeAnswer(record, result, this.#lasting.has(record.activationId));
    link.send(MessageType.ANSWER, head, body);
  }

  #onResume(link: Link, head: string): void {
    this.#resume(link, readInDoubt(head)).catch((error: unknown) => link.destroy(error as Error));
  }

  /** Tells the gateway what became of each activation. An activation that still runs needs no message: its answer comes. */
  async #resume(link: Link, inDoubt: readonly InDoubt[]): Promise<void> {
    for (const [activationId, namespace] of inDoubt) {
      // Before its records are read: it may end meanwhile.
      if (this.#running.has(activationId) || this.#context.handOver(activationId, this)) continue;
      const kept = this.#kept.get(activationId);
      const record = kept?.record ?? (await this.#context.records.get(namespace, activationId).catch(() => undefined));
      if (record === undefined) this.#disown(link, activationId);
      else this.#send(link, record, kept?.result ?? record.result);
      await link.drained(RESENT_BYTES);
      if (link.closed) return;
    }
  }

  /** The activation is not here: the gateway writes its record. A start of it that still arrives writes none. */
  #disown(link: Link, activationId: string): void {
    this.#context.records.withhold(activationId);
    link.send(MessageType.LOST, activationId);
  }

  /** The gateway has given an activation up and written its record: stops it, or replaces the record that was written here. */
  async #abandon(record: ActivationRecord): Promise<void> {
    const { activationId, namespace } = record;
    const { host, records } = this.#context;
    const session = this.#context.sessionOf(activationId);
    if (session !== undefined) {
      records.withhold(activationId);
      session.#abandoned.set(activationId, record);
      const request: CancelRequest = { activationId, namespace, reason: 'The plugin has given the activation up.' };
      await host.cancel(request);
    } else {
      await this.#giveWay(record);
    }
  }

  /** Replaces a record that was written here by the gateway's. */
  async #giveWay(record: ActivationRecord): Promise<void> {
    const { records } = this.#context;
    const written = await records.get(record.namespace, record.activationId);
    if (written === undefined || (isGivenUp(written) && written.end === record.end)) return;
    records.replace(record);
  }
}

type InDoubt = readonly [activationId: string, namespace: string];

function readInDoubt(head: string): readonly InDoubt[] {
  const list = JSON.parse(head) as unknown;
  const isPair = (entry: unknown): boolean =>
    Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'string';
  if (!Array.isArray(list) || !list.every(isPair))
    throw new HostLinkError('PROTOCOL', 'activations in doubt that are not named');
  return list as InDoubt[];
}

function readIds(head: string): readonly string[] {
  const list = JSON.parse(head) as unknown;
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
    throw new HostLinkError('PROTOCOL', 'activations that are not named');
  return list;
}

const json = (value: unknown): readonly Buffer[] => [Buffer.from(JSON.stringify(value))];

interface RecordsQuestion {
  readonly get?: string;
  readonly namespace: string;
}

function sessionResponders(
  { host, readable }: SessionContext,
  abandon: (record: ActivationRecord) => Promise<void>,
): Readonly<Record<string, Responder>> {
  return {
    cancel: async (params) => json(await host.cancel(params as CancelRequest)),
    status: async () => json(await host.status()),
    metrics: async () => json(await host.metrics()),
    count: async (params) => {
      const { filter, skip } = params as { filter: Parameters<RecordReader['count']>[0]; skip: number };
      return json(await readable.count(filter, skip));
    },
    records: async (params) => {
      const { get, namespace } = params as RecordsQuestion;
      if (get !== undefined) {
        const record = await readable.get(namespace, get);
        return record === undefined ? [] : [encodeRecord(record)];
      }
      const { filter, skip, limit, brief } = params as ListQuestion;
      return (await readable.list(filter, skip, limit, brief)).map((record) => encodeRecord(record));
    },
    abandon: async (_params, body) => {
      for (const record of decodeRecords(body)) await abandon(record);
      return [];
    },
  };
}

interface ListQuestion {
  readonly filter: Parameters<RecordReader['list']>[0];
  readonly skip: number;
  readonly limit: number;
  readonly brief: boolean;
}
