import type { Readable } from 'node:stream';
import type { Clock } from '@dataflower/common';
import type { ContainerLogger } from '@dataflower/common';
import { type AgentIdentity, Label } from './agent-identity.js';
import type { Engine, Filters } from './engine.js';
import { EngineError } from './engine-error.js';

/** Before the engine is asked again after it went away, in ms: at first, and at most. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 2000;
/** Longest event that is read. Of a longer one only the beginning counts: the engine puts there what happened to whom. */
const MAX_EVENT_CHARS = 256 * 1024;
const BEGINNING_CHARS = 200;
const BEGINNING = /^\{"status":"(\w+)","id":"([0-9a-f]{64})"/;

/** States in which nothing of a container runs. */
const ENDED = new Set(['exited', 'dead', 'removing']);

/** What the watch tells of one container. */
export interface WatchedContainer {
  /** The kernel has ended a process of it for want of memory. */
  outOfMemory(): void;
  /** Nothing of it runs any more. `exitCode` is null where the engine does not know. */
  ended(exitCode: number | null): void;
}

/**
 * Learns from the engine which containers of this agent have ended: one stream of events for all of them, so that a
 * container that is only there costs nothing. When the stream breaks it is opened again, and what was missed is looked up.
 */
export class ExitWatch {
  readonly #watched = new Map<string, WatchedContainer>();
  #stream: Readable | undefined;
  #cancelRetry: (() => void) | undefined;
  #retryMs = RETRY_MS;
  #closed = false;
  #rest = '';
  /** Of an event that is too long, to which the rest of the present line belongs; undefined: there is none. */
  #beginning: string | undefined;

  readonly #engine: Engine;
  readonly #identity: AgentIdentity;
  readonly #clock: Clock;
  readonly #logger: ContainerLogger;
  /** The engine is there again after it was not. */
  readonly #onBack: () => void;

  constructor(engine: Engine, identity: AgentIdentity, clock: Clock, logger: ContainerLogger, onBack: () => void) {
    this.#engine = engine;
    this.#identity = identity;
    this.#clock = clock;
    this.#logger = logger;
    this.#onBack = onBack;
  }

  /** True while the engine tells. */
  get connected(): boolean {
    return this.#stream !== undefined;
  }

  /** Rejects when the engine cannot be asked. */
  async open(): Promise<void> {
    const stream = await this.#engine.events(this.#filters(['die', 'oom']));
    if (this.#closed) {
      stream.destroy();
      return;
    }
    this.#stream = stream;
    this.#rest = '';
    this.#beginning = undefined;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#onText(text));
    stream.on('error', () => undefined);
    stream.on('close', () => this.#onLost());
  }

  /** Call before the container is started. */
  add(id: string, container: WatchedContainer): void {
    this.#watched.set(id, container);
  }

  /** Nobody wants to know any more. */
  forget(id: string): void {
    this.#watched.delete(id);
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#stream?.destroy();
    this.#watched.clear();
  }

  #filters(events?: readonly string[]): Filters {
    const label = [Label.host, Label.process].map((name) => `${name}=${this.#identity.labels[name]!}`);
    return { label, ...(events === undefined ? {} : { type: ['container'], event: events }) };
  }

  #onText(text: string): void {
    this.#rest += text;
    for (let end = this.#rest.indexOf('\n'); end !== -1; end = this.#rest.indexOf('\n')) {
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 1);
      if (this.#beginning === undefined) this.#onEvent(line);
      else this.#onSkipped(this.#beginning);
    }
    if (this.#rest.length <= MAX_EVENT_CHARS) return;
    this.#beginning ??= this.#rest.slice(0, BEGINNING_CHARS);
    this.#rest = '';
  }

  #onSkipped(beginning: string): void {
    this.#beginning = undefined;
    const [, status, id] = BEGINNING.exec(beginning) ?? [];
    this.#logger.warn({ container: id }, 'an event of the Docker engine was too long to be read in full');
    if (id === undefined) {
      const stream = this.#stream;
      // Opened again, it looks once more.
      this.#lookUp().catch(() => stream?.destroy());
    } else if (status === 'oom') this.#watched.get(id)?.outOfMemory();
    // The engine's list of containers may be older than this event: it is believed.
    else if (status === 'die') this.#ended(id, null);
  }

  #onEvent(line: string): void {
    let event: { Action?: string; Actor?: { ID?: string; Attributes?: Record<string, string> } };
    try {
      event = JSON.parse(line) as typeof event;
    } catch {
      return;
    }
    const id = event.Actor?.ID ?? '';
    const container = this.#watched.get(id);
    if (event.Action === 'oom') container?.outOfMemory();
    else if (event.Action === 'die') this.#ended(id, Number(event.Actor?.Attributes?.['exitCode'] ?? NaN));
  }

  #ended(id: string, exitCode: number | null): void {
    const container = this.#watched.get(id);
    this.#watched.delete(id);
    container?.ended(exitCode === null || Number.isNaN(exitCode) ? null : exitCode);
  }

  #onLost(): void {
    this.#stream = undefined;
    if (this.#closed) return;
    this.#logger.warn({ containers: this.#watched.size }, 'the Docker engine is away; containers cannot be started');
    this.#retry();
  }

  #retry(): void {
    this.#cancelRetry = this.#clock.after(this.#retryMs, () => {
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      void this.#reopen();
    });
  }

  async #reopen(): Promise<void> {
    try {
      await this.open();
      await this.#lookUp();
      this.#retryMs = RETRY_MS;
      this.#logger.warn({ containers: this.#watched.size }, 'the Docker engine is back');
      this.#onBack();
    } catch (error) {
      if (this.#closed) return;
      if (!EngineError.is(error)) this.#logger.error({ err: error }, 'the Docker engine cannot be watched');
      if (this.#stream === undefined) this.#retry();
      else this.#stream.destroy();
    }
  }

  /** Which of the watched ones have ended while nobody told. */
  async #lookUp(): Promise<void> {
    const known = new Map(this.#watched);
    const all = await this.#engine.containers(this.#filters());
    // One that is created has yet to be started.
    const alive = new Set(all.filter(({ State }) => !ENDED.has(State)).map(({ Id }) => Id));
    for (const id of known.keys()) if (!alive.has(id)) this.#ended(id, null);
  }
}
