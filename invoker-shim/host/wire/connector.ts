import type { Duplex } from 'node:stream';
import type { Clock } from '@dataflower/common';
import { HostLinkError } from './errors.js';
import { type Hello, otherHost, readGreeting, type Welcome } from './greeting.js';
import { Link } from './link.js';
import { WireMessage } from './message-type.js';
import { Pulse } from './pulse.js';

/** Silence after which a connection is replaced by a new one, in beats. */
const BREAK_BEATS = 2.5;
/** Silence after which the peer is taken for lost, in beats: less than 5 s in any case. */
const LOST_BEATS = 4;
/** Time to connect, and time to be greeted, in ms. */
const GREETING_MS = 2000;
const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 1000;

export interface ConnectorEvents {
  /** The greeting is over: frames may be sent. */
  up(link: Link, welcome: Welcome): void;
  frame(type: number, head: string, body: Buffer): void;
  /** The connection of the last `up` is gone; the connector tries again. */
  down(): void;
  /** The peer is taken for lost after long silence; the connector goes on trying. Called once between two `up`. */
  lost(): void;
  /** An attempt failed. Called once for each code between two `up`. */
  trouble(error: HostLinkError): void;
}

/** Keeps a connection to one peer: connects, greets, beats, and connects again. */
export class Connector {
  #link: Link | undefined;
  #up = false;
  /** A greeting was over since the last tick; its connection may be gone again. */
  #greeted = false;
  #lost = false;
  #closed = false;
  #pauseMs = FIRST_PAUSE_MS;
  #stopTimer: () => void = () => undefined;
  readonly #told = new Set<string>();
  readonly #pulse: Pulse;
  #attempt = new AbortController();

  /** Connects to the peer, authenticated and encrypted. Rejects with `HostLinkError`. */
  readonly #open: (signal: AbortSignal) => Promise<Duplex>;
  readonly #hello: Hello;
  readonly #clock: Clock;
  readonly #events: ConnectorEvents;

  constructor(open: (signal: AbortSignal) => Promise<Duplex>, hello: Hello, clock: Clock, events: ConnectorEvents) {
    this.#open = open;
    this.#hello = hello;
    this.#clock = clock;
    this.#events = events;

    this.#pulse = new Pulse(clock, {
      beat: () => {
        if (this.#up) this.#link?.send(WireMessage.BEAT, '{}');
      },
      heard: () => this.#heard(),
      silent: (beats) => this.#silent(beats),
    });
    this.#connect();
  }

  get isLost(): boolean {
    return this.#lost;
  }

  /** Sends what waits, and ends the connection for good. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pulse.close();
    this.#stopTimer();
    this.#attempt.abort();
    if (this.#up) {
      this.#link?.send(WireMessage.BYE, '');
      this.#link?.end(this.#clock);
    } else {
      this.#link?.destroy();
    }
  }

  #connect(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#stopTimer = this.#clock.after(GREETING_MS, () => attempt.abort());
    this.#open(attempt.signal).then(
      (stream) => this.#greet(stream),
      (error: unknown) => this.#failed(error),
    );
  }

  #greet(stream: Duplex): void {
    if (this.#closed) {
      stream.destroy();
      return;
    }
    const link = new Link(
      stream,
      (type, head, body) => this.#frame(link, type, head, body),
      (error) => this.#ended(error),
    );
    this.#link = link;
    this.#stopTimer();
    link.send(WireMessage.HELLO, JSON.stringify(this.#hello));
    this.#stopTimer = this.#clock.after(GREETING_MS, () =>
      link.destroy(new HostLinkError('UNREACHABLE', 'it does not answer the greeting')),
    );
  }

  #frame(link: Link, type: number, head: string, body: Buffer): void {
    if (this.#up) {
      this.#events.frame(type, head, body);
    } else if (type === WireMessage.WELCOME) {
      const welcome = readGreeting(head, this.#hello);
      if (welcome.host !== this.#hello.host)
        throw new HostLinkError('REFUSED', otherHost(welcome.host, this.#hello.host));
      this.#stopTimer();
      link.greeted();
      this.#up = true;
      this.#greeted = true;
      this.#lost = false;
      this.#told.clear();
      this.#events.up(link, welcome);
    } else if (type === WireMessage.REJECT) {
      throw new HostLinkError('REFUSED', head);
    } else {
      throw new HostLinkError('PROTOCOL', 'it does not greet');
    }
  }

  #ended(error: Error | undefined): void {
    const wasUp = this.#up;
    this.#link = undefined;
    this.#up = false;
    this.#stopTimer();
    if (this.#closed) return;
    if (wasUp) this.#events.down();
    this.#failed(error ?? new HostLinkError('UNREACHABLE', 'the connection was closed'));
  }

  #failed(cause: unknown): void {
    if (this.#closed) return;
    this.#stopTimer();
    const error =
      cause instanceof HostLinkError
        ? cause
        : new HostLinkError('UNREACHABLE', cause instanceof Error ? cause.message : String(cause), { cause });
    if (!this.#told.has(error.code)) {
      this.#told.add(error.code);
      this.#events.trouble(error);
    }
    this.#stopTimer = this.#clock.after(this.#pauseMs, () => this.#connect());
    this.#pauseMs = Math.min(2 * this.#pauseMs, LAST_PAUSE_MS);
  }

  #heard(): boolean {
    const link = this.#link;
    const heard = this.#greeted || (this.#up && link?.heard === true);
    this.#greeted = false;
    if (link !== undefined) link.heard = false;
    if (heard) this.#pauseMs = FIRST_PAUSE_MS;
    return heard;
  }

  #silent(beats: number): void {
    if (this.#up && beats >= BREAK_BEATS) {
      this.#link?.destroy(new HostLinkError('UNREACHABLE', 'nothing is heard of it any more'));
    }
    if (!this.#lost && beats >= LOST_BEATS) {
      this.#lost = true;
      this.#events.lost();
    }
  }
}
