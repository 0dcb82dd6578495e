import type { Duplex } from 'node:stream';
import { randomBytes } from 'node:crypto';
import { type Clock, momentOf, systemClock, type ContainerLogger, silentLogger } from '@dataflower/common';
import type { CodeSource } from '@dataflower/common/code';
import type { ActivationRecord, RecordReader, RecordWriter } from '@dataflower/common/records';
import type { AcceptedActivation } from '../acceptance/accepted.js';
import type {
  Answer,
  CancelOutcome,
  CancelRequest,
  Host,
  HostLoad,
  HostReach,
  HostStatus,
  StartMessage,
} from '../host.js';
import { decodeAnswer, encodeRecords } from '../messages/record-messages.js';
import { codeResponder } from '../messages/code-transfer.js';
import { Connector } from '../wire/connector.js';
import { HostLinkError } from '../wire/errors.js';
import { FEATURES, PROTOCOL_VERSION, type Welcome } from '../wire/greeting.js';
import { LastingTable } from './lasting.js';
import type { Link } from '../wire/link.js';
import { lostRecord } from '../acceptance/lost-record.js';
import { MessageType } from '../messages/message-type.js';
import { GivenUp } from './given-up.js';
import { RemoteRecords } from './remote-records.js';
import { Requests, respond } from '../wire/requests.js';
import { SentTargets } from './sent-targets.js';
import { startHead } from '../messages/start-message.js';
import { type Unanswered, UnansweredTable } from './unanswered.js';

const MIB = 1024 * 1024;
/** Time in which a host must reply to a request, a new connection included, in ms. */
const REPLY_MS = 8000;
const IDS_A_FRAME = 1000;
const RECORDS_A_FRAME = 500;
const HOST_LOST = 'The host was lost, or did not know of it any more.';

export interface RemoteHostOptions {
  readonly id: string;
  /** For messages. */
  readonly address: string;
  /** Connects to the host's process, authenticated and encrypted. */
  readonly open: (signal: AbortSignal) => Promise<Duplex>;
  /** Release of this program, and its name in the host's log. */
  readonly product: string;
  readonly name: string;
  /** Where the records of activations are written that are lost with the host. */
  readonly records: RecordWriter;
  /** Source of the code of actions that the host asks for. */
  readonly codes: CodeSource;
  /** Most bytes of payloads kept because they may have to be sent again; beyond it starts are refused. Default: 128 MiB. */
  readonly maxKeptBytes?: number;
  /** Most bytes that wait to be sent; beyond it starts are refused. Default: 64 MiB. */
  readonly maxUnsentBytes?: number;
  readonly clock?: Clock;
  readonly logger?: ContainerLogger;
}

/**
 * A host agent in another process. Each activation is answered exactly once: by the host, also after a broken connection;
 * or, when the host is lost, with an internal error whose record is written here. PROTOCOL.md has the rules.
 */
export class RemoteHost implements Host {
  readonly id: string;
  /** The records that are in the host's files and not in the database yet. */
  readonly records: RecordReader;
  readonly #options: RemoteHostOptions;
  readonly #clock: Clock;
  readonly #logger: ContainerLogger;
  readonly #connector: Connector;
  readonly #requests: Requests;
  readonly #unanswered = new UnansweredTable();
  readonly #lasting = new LastingTable();
  /** Given-up activations that the host is to be told of. */
  readonly #givenUp: GivenUp;
  /** Ids of those that the host is being told of. */
  readonly #beingTold = new Set<string>();
  #connection: { readonly link: Link; readonly targets: SentTargets; readonly instance: string } | undefined;
  #load: HostLoad | undefined;
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(options: RemoteHostOptions) {
    this.id = options.id;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#givenUp = new GivenUp(options.records.notes, options.id);
    this.#requests = new Requests(this.#clock, `The host ${this.id}`, REPLY_MS);
    this.records = new RemoteRecords(`the host ${this.id}`, (method, params) => this.#ask(method, params));
    const instance = randomBytes(16).toString('hex');
    const { product, name } = options;
    this.#connector = new Connector(
      options.open,
      { protocol: PROTOCOL_VERSION, features: FEATURES, product, role: 'gateway', name, instance, host: this.id },
      this.#clock,
      {
        up: (link, welcome) => this.#up(link, welcome),
        frame: (type, head, body) => this.#frame(type, head, body),
        down: () => this.#down(),
        lost: () => this.#lost(),
        trouble: (error) => this.#trouble(error),
      },
    );
  }

  get reach(): HostReach {
    if (this.#connection !== undefined) return 'connected';
    return this.#connector.isLost ? 'lost' : 'reconnecting';
  }

  /** Undefined while it is not connected. */
  get load(): HostLoad | undefined {
    return this.#load;
  }

  /** Activations that were given to the host, or wait for a connection, and are not answered. */
  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** Throws `HostLinkError` OVERLOADED or UNREACHABLE, and takes nothing, when the host cannot take more. */
  start(message: StartMessage, answer: Answer): string {
    this.#checkRoom();
    const entry = this.#unanswered.add(message, answer);
    if (this.#connection === undefined) return this.id;
    try {
      this.#send(entry);
    } catch (error) {
      this.#unanswered.take(message.activationId);
      throw error;
    }
    return this.id;
  }

  #checkRoom(): void {
    const { maxKeptBytes = 128 * MIB, maxUnsentBytes = 64 * MIB } = this.#options;
    if (this.#closing) throw new HostLinkError('CLOSED', 'The plugin is stopping and takes no more work.');
    if (this.reach === 'lost') throw this.#unreachable();
    const unsent = this.#connection?.link.unsentBytes ?? 0;
    if (this.#load?.draining === true || this.#unanswered.keptBytes > maxKeptBytes || unsent > maxUnsentBytes) {
      throw new HostLinkError('OVERLOADED', `The host ${this.id} takes no more work at the moment.`);
    }
  }

  /**
   * Takes over an activation that an earlier process of this plugin had given to this host. The host is asked what became
   * of it.
   */
  restore(accepted: AcceptedActivation, answer: Answer): void {
    // The two processes share the wall's time alone.
    const received = momentOf(this.#clock, accepted.receivedAt);
    this.#unanswered.restore({ ...accepted, received }, answer);
  }

  async cancel(request: CancelRequest): Promise<CancelOutcome> {
    return (await this.#ask('cancel', request)) as CancelOutcome;
  }

  async status(): Promise<HostStatus> {
    return (await this.#ask('status', null)) as HostStatus;
  }

  async metrics(): Promise<string> {
    return (await this.#ask('metrics', null)) as string;
  }

  /**
   * Takes no more work and waits until every activation is answered. An activation that the host still runs then goes on
   * there to its end, and has its record.
   */
  async close(drainMs: number): Promise<void> {
    this.#closing = true;
    if (this.#unanswered.size > 0) {
      let stopTimer = (): void => undefined;
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        stopTimer = this.#clock.after(drainMs, resolve);
      });
      stopTimer();
    }
    this.#giveUp(this.#unanswered.all().filter(({ number }) => number === 0));
    this.#connector.close();
    this.#lasting.keep(undefined);
    this.#requests.close(new HostLinkError('CLOSED', 'The plugin is stopping.'));
  }

  async #ask(method: string, params: unknown): Promise<unknown> {
    if (this.reach === 'lost') throw this.#unreachable();
    const parts = await this.#requests.ask(method, params);
    return method === 'records' ? parts : JSON.parse(Buffer.concat(parts).toString());
  }

  #send(entry: Unanswered): void {
    const { link, targets, instance } = this.#connection!;
    // This may throw: the number is given afterwards.
    const target = targets.numberOf(entry.message.target);
    if (entry.number === 0) this.#unanswered.sent(entry, instance);
    link.send(
      MessageType.START,
      startHead(entry.number, target, entry.message, this.#clock.now()),
      entry.message.payload,
    );
  }

  /** A connection is up: sends the starts that the host cannot have received, and asks what became of the others. */
  #up(link: Link, { instance, received }: Welcome): void {
    this.#connection = { link, targets: new SentTargets(link), instance };
    const inDoubt: [id: string, namespace: string][] = [];
    for (const entry of this.#unanswered.all()) {
      const arrived =
        entry.number > 0 && (entry.instance !== instance || received === null || entry.number <= received);
      if (arrived) inDoubt.push([entry.message.activationId, entry.message.identity.namespace]);
      else this.#resend(entry);
    }
    for (let at = 0; at < inDoubt.length; at += IDS_A_FRAME) {
      link.send(MessageType.RESUME, JSON.stringify(inDoubt.slice(at, at + IDS_A_FRAME)));
    }
    const lasting = this.#lasting.keep(instance);
    for (let at = 0; at < lasting.length; at += IDS_A_FRAME) {
      link.send(MessageType.LASTING, JSON.stringify(lasting.slice(at, at + IDS_A_FRAME)));
    }
    // After the starts: a request may be about one of them, such as to cancel it.
    this.#requests.use(link);
    this.#tellGivenUp();
    this.#logger.info({ host: this.id, inDoubt: inDoubt.length }, 'connected to the host');
  }

  #resend(entry: Unanswered): void {
    try {
      this.#send(entry);
    } catch (err) {
      this.#logger.error({ err, host: this.id }, 'an activation cannot be sent to the host');
      this.#giveUp([entry]);
    }
  }

  #frame(type: number, head: string, body: Buffer): void {
    if (type === MessageType.ANSWER) {
      const { record, result, goesOn } = decodeAnswer(head, body);
      this.#answer(record, result, goesOn);
    } else if (type === MessageType.ENDED) {
      this.#lasting.end(head);
    } else if (type === MessageType.BEAT) {
      const { received, ...load } = JSON.parse(head) as HostLoad & { received: number };
      this.#load = load;
      this.#unanswered.received(received);
    } else if (type === MessageType.LOST) {
      const entry = this.#unanswered.take(head);
      if (entry !== undefined) this.#giveUp([entry]);
    } else if (type === MessageType.REPLY) {
      this.#requests.onReply(head, body);
    } else if (type === MessageType.REQUEST) {
      respond(this.#connection!.link, { code: codeResponder(this.#options.codes) }, head, body);
    } else if (type !== MessageType.BYE) {
      throw new HostLinkError('PROTOCOL', `a message of the unknown type ${type}`);
    }
  }

  #answer(record: ActivationRecord, result: string, goesOn: boolean): void {
    const entry = this.#unanswered.take(record.activationId);
    const ended = entry?.message.ended;
    if (ended !== undefined && goesOn) this.#lasting.add(record.activationId, this.#connection!.instance, ended);
    entry?.answer(record, result);
    if (!goesOn) ended?.();
    if (this.#closing && this.#unanswered.size === 0) this.#idle?.();
  }

  #down(): void {
    this.#connection = undefined;
    this.#load = undefined;
    this.#requests.use(undefined);
  }

  #lost(): void {
    const all = this.#unanswered.all();
    this.#logger.error({ host: this.id, address: this.#options.address, activations: all.length }, 'the host is lost');
    this.#giveUp(all);
    this.#lasting.keep(undefined);
    this.#requests.giveUp(this.#unreachable());
  }

  #unreachable(): HostLinkError {
    return new HostLinkError('UNREACHABLE', `The host ${this.id} cannot be reached.`);
  }

  /** Answers activations with an internal error once their records are written; the host is told when it comes back. */
  #giveUp(entries: readonly Unanswered[]): void {
    if (entries.length === 0) return;
    const { records } = this.#options;
    const lost = entries.map((entry) => {
      const started = entry.number > 0;
      const tookMs = this.#clock.now() - entry.message.received;
      const record = lostRecord(entry.message, { host: this.id, started, reason: HOST_LOST }, tookMs);
      records.append(record);
      if (started) this.#givenUp.add(record);
      this.#unanswered.take(record.activationId);
      entry.message.ended?.();
      return { entry, record };
    });
    records.written(() => {
      for (const { entry, record } of lost) entry.answer(record, record.result);
      if (this.#closing && this.#unanswered.size === 0) this.#idle?.();
    });
  }

  #tellGivenUp(): void {
    const records = this.#givenUp.records.filter(({ activationId }) => !this.#beingTold.has(activationId));
    for (let at = 0; at < records.length; at += RECORDS_A_FRAME)
      void this.#tell(records.slice(at, at + RECORDS_A_FRAME));
  }

  async #tell(records: readonly ActivationRecord[]): Promise<void> {
    for (const { activationId } of records) this.#beingTold.add(activationId);
    try {
      await this.#requests.ask('abandon', null, encodeRecords(records));
      for (const record of records) this.#givenUp.told(record);
    } catch (err) {
      // The host is told over the next connection.
      if (!this.#closing) this.#logger.warn({ err, host: this.id }, 'the host could not be told what was given up');
    }
    for (const { activationId } of records) this.#beingTold.delete(activationId);
  }

  #trouble(error: HostLinkError): void {
    const { address } = this.#options;
    const fields = { host: this.id, address, code: error.code };
    this.#logger.warn(fields, `the host ${this.id} at ${address} cannot be used: ${error.message}; goes on trying`);
  }
}
