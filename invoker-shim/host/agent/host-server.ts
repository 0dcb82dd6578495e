import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock, type ContainerLogger, silentLogger } from '@dataflower/common';
import { CachedCode, firstOf, type ActionCode, type CodeSource } from '@dataflower/common/code';
import type { RecordReader } from '@dataflower/common/records';
import type { Host } from '../host.js';
import { askForCode } from '../messages/code-transfer.js';
import { HostLinkError } from '../wire/errors.js';
import { GatewaySession } from './gateway-session.js';
import { GraphTable } from './received-targets.js';
import { FEATURES, type Hello, otherHost, PROTOCOL_VERSION, readGreeting, type Welcome } from '../wire/greeting.js';
import { Link } from '../wire/link.js';
import { MessageType } from '../messages/message-type.js';
import { readTarget } from '../messages/target-text.js';
import type { WithheldRecords } from './withheld-records.js';

/** Time in which a new connection must greet, in ms. */
const GREETING_MS = 5000;
/** Time for which the session of a gateway without a connection is kept, in ms. */
const FORGET_MS = 60_000;
/** Most gateway processes that are known at once. */
const MAX_SESSIONS = 256;
/** Time in which a slow connection must take the last answers when the server closes, in ms. */
const LAST_ANSWERS_MS = 1000;

export interface HostServerOptions {
  readonly id: string;
  /** Release of this program. */
  readonly product: string;
  /** Runs the activations; it must write its records to `records`. */
  readonly host: Host;
  readonly records: WithheldRecords;
  /** The records that gateways may read here. Default: all of `records`. */
  readonly readable?: RecordReader;
  /** Source of code that is asked before the gateways. Default: none. */
  readonly codes?: CodeSource;
  /** Code in memory, in bytes. Default 128 MiB. */
  readonly codeCacheBytes?: number;
  readonly clock?: Clock;
  readonly logger?: ContainerLogger;
}

/** The host's side of the protocol. It takes over authenticated connections, and closes them. */
export class HostServer {
  readonly #instance = randomBytes(16).toString('hex');
  readonly #sessions = new Map<string, GatewaySession>();
  /** Sessions without a connection, each with the function that stops its timer. */
  readonly #forgetting = new Map<GatewaySession, () => void>();
  /** Connections that have not greeted yet. */
  readonly #greeting = new Set<Link>();
  readonly #graphs = new GraphTable();
  readonly #clock: Clock;
  readonly #logger: ContainerLogger;
  readonly #codes: CodeSource;
  #draining = false;
  #closed = false;

  readonly #options: HostServerOptions;

  constructor(options: HostServerOptions) {
    this.#options = options;

    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    const gateways: CodeSource = { load: (id, revision) => this.#askGateways(id, revision) };
    const source = options.codes === undefined ? gateways : firstOf(options.codes, gateways);
    this.#codes = new CachedCode(source, options.codeCacheBytes);
  }

  /** Names of the gateways that are connected. */
  get gateways(): readonly string[] {
    return [...this.#sessions.values()].filter(({ link }) => link !== undefined).map(({ name }) => name);
  }

  /** Takes over an authenticated connection. */
  accept(stream: Duplex): void {
    if (this.#closed) {
      // Its handshake was under way when the server closed.
      stream.destroy();
      return;
    }
    let session: GatewaySession | undefined;
    const link: Link = new Link(
      stream,
      (type, head, body) => {
        if (session === undefined) session = this.#greet(link, type, head);
        else session.frame(link, type, head, body);
      },
      (error) => {
        stopTimer();
        this.#greeting.delete(link);
        this.#ended(link, session, error);
      },
    );
    this.#greeting.add(link);
    const stopTimer = this.#clock.after(GREETING_MS, () => {
      if (session === undefined) link.destroy(new HostLinkError('PROTOCOL', 'it does not greet'));
    });
  }

  /** Tells all gateways to give this host no more work. */
  drain(): void {
    this.#draining = true;
    for (const session of this.#sessions.values()) session.beat();
  }

  /** Sends the answers that wait, and ends all connections. */
  async close(): Promise<void> {
    this.#draining = true;
    this.#closed = true;
    for (const link of this.#greeting) link.destroy();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const stopTimer of [...this.#forgetting.values()]) stopTimer();
    await Promise.all(sessions.map((session) => this.#endSession(session)));
  }

  async #endSession(session: GatewaySession): Promise<void> {
    const { link } = session;
    if (link !== undefined) {
      let stopTimer = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        stopTimer = this.#clock.after(LAST_ANSWERS_MS, resolve);
      });
      await Promise.race([link.drained(0), late]);
      stopTimer();
      link.send(MessageType.BYE, '');
      link.end(this.#clock);
    }
    session.close();
  }

  /** Undefined when the greeting was refused. */
  #greet(link: Link, type: number, head: string): GatewaySession | undefined {
    const { id, product } = this.#options;
    try {
      if (type !== MessageType.HELLO) throw new HostLinkError('PROTOCOL', 'it does not greet');
      const hello = readGreeting(head, { product });
      if (hello.host !== id) throw new HostLinkError('REFUSED', otherHost(id, hello.host));
      const session = this.#sessionOf(hello);
      this.#greeting.delete(link);
      this.#forgetting.get(session)?.();
      link.greeted();
      session.attach(link);
      const own = { protocol: PROTOCOL_VERSION, features: FEATURES, product, host: id, instance: this.#instance };
      link.send(MessageType.WELCOME, JSON.stringify({ ...own, received: session.received } satisfies Welcome));
      session.greeted();
      this.#logger.info({ gateway: session.name, running: session.running }, 'a plugin is connected');
      return session;
    } catch (error) {
      if (!(error instanceof HostLinkError) || error.code !== 'REFUSED') throw error;
      this.#logger.warn({ err: error }, 'a plugin was refused');
      link.send(MessageType.REJECT, error.message);
      link.end(this.#clock);
      return undefined;
    }
  }

  #sessionOf({ instance, name }: Hello): GatewaySession {
    const known = this.#sessions.get(instance);
    if (known !== undefined) return known;
    if (this.#sessions.size >= MAX_SESSIONS) {
      throw new HostLinkError('REFUSED', `more than ${MAX_SESSIONS} plugins speak with this host`);
    }
    const { host, records, readable = records } = this.#options;
    const session = new GatewaySession(instance, name, {
      host,
      records,
      readable,
      clock: this.#clock,
      logger: this.#logger,
      readTarget: (text) =>
        readTarget(text, { codes: this.#codes, internGraph: (digest, graph) => this.#graphs.intern(digest, graph) }),
      handOver: (activationId, to) =>
        [...this.#sessions.values()].some((other) => other !== to && other.handOver(activationId, to)),
      load: () => ({ full: records.full, draining: this.#draining }),
      sessionOf: (activationId) => [...this.#sessions.values()].find((other) => other.runs(activationId)),
    });
    this.#sessions.set(instance, session);
    return session;
  }

  #ended(link: Link, session: GatewaySession | undefined, error: Error | undefined): void {
    if (error !== undefined) this.#logger.warn({ err: error, gateway: session?.name }, 'a connection has failed');
    if (session?.detach(link) !== true || this.#closed) return;
    this.#forgetLater(session);
    if (this.#draining) return;
    const { name: gateway, running } = session;
    this.#logger.warn({ gateway, running }, 'a plugin is gone; its activations go on');
  }

  /** Forgets a session later, but not while activations run for it: their answers are still to be told. */
  #forgetLater(session: GatewaySession): void {
    const stopTimer = this.#clock.after(FORGET_MS, () => {
      this.#forgetting.delete(session);
      if (session.isNeeded) {
        this.#forgetLater(session);
        return;
      }
      this.#sessions.delete(session.instance);
      session.close();
    });
    this.#forgetting.set(session, () => {
      stopTimer();
      this.#forgetting.delete(session);
    });
  }

  /**
   * A revision has the same code everywhere, and a gateway keeps the code of the activations that it started: asks the
   * connected gateways first, then those that may come back.
   */
  async #askGateways(documentId: string, revision: string): Promise<ActionCode> {
    let failure: unknown = new HostLinkError('UNREACHABLE', 'no plugin is connected that has the code');
    const ask = ({ requests }: GatewaySession): Promise<ActionCode> => askForCode(requests, documentId, revision);
    const sessions = [...this.#sessions.values()].reverse();
    for (const session of sessions) {
      if (session.link === undefined) continue;
      try {
        return await ask(session);
      } catch (error) {
        failure = error;
      }
    }
    const away = sessions.filter(({ link, keepsCode }) => link === undefined && keepsCode);
    return Promise.any(away.map(ask)).catch(() => {
      throw failure;
    });
  }
}
