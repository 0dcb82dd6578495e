import type { Readable } from 'node:stream';
import type { Clock, ContainerLogger } from '@dataflower/common';
import { type AgentIdentity, Label } from './agent-identity.js';
import type { Engine, Filters } from './engine.js';
import { EngineError } from './engine-error.js';

/** First and longest delay before a reconnection to the engine, in ms. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 2000;
/** Longest event that is parsed, in characters. Of a longer one the beginning is read, which has the event and the container. */
const MAX_EVENT_CHARS = 256 * 1024;
const BEGINNING_CHARS = 200;
const BEGINNING = /^\{"status":"(\w+)","id":"([0-9a-f]{64})"/;

/** States in which no process of a container runs. */
const ENDED = new Set(['exited', 'dead', 'removing']);

/** Events of one container. */
export interface ContainerExitEvents {
  /** The kernel has killed a process of it because memory was exhausted. */
  outOfMemory(): void;
  /** No process of it runs any more. `exitCode` is null when the engine does not know it. */
  ended(exitCode: number | null): void;
}

/**
 * Learns from the engine which containers of this agent have ended: one stream of events for all of them, so that an idle
 * container costs nothing. When the stream breaks, the watch reconnects and looks up what it missed.
 */
export class ExitWatch {
  readonly #watched = new Map<string, ContainerExitEvents>();
  #stream: Readable | undefined;
  #cancelRetry: (() => void) | undefined;
  #retryMs = RETRY_MS;
  #closed = false;
  #rest = '';
  /** Beginning of an event that is too long and whose line has not ended yet. */
  #beginning: string | undefined;

  readonly #engine: Engine;
  readonly #identity: AgentIdentity;
  readonly #clock: Clock;
  readonly #logger: ContainerLogger;
  /** Called when the engine answers again. */
  readonly #onBack: () => void;

  constructor(engine: Engine, identity: AgentIdentity, clock: Clock, logger: ContainerLogger, onBack: () => void) {
    this.#engine = engine;
    this.#identity = identity;
    this.#clock = clock;
    this.#logger = logger;
    this.#onBack = onBack;
  }

  /** True while the stream of events is open. */
  get connected(): boolean {
    return this.#stream !== undefined;
  }

  /** Opens the stream. Rejects when the engine does not answer. */
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

  /** Watches a container. Call it before the container is started. */
  add(id: string, container: ContainerExitEvents): void {
    this.#watched.set(id, container);
  }

  /** Stops watching a container. */
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
    this.#logger.warn({ container: id }, 'an event of the Docker engine is too long to be read in full');
    if (id === undefined) {
      const stream = this.#stream;
      // The reconnection looks up again.
      this.#lookUp().catch(() => stream?.destroy());
    } else if (status === 'oom') this.#watched.get(id)?.outOfMemory();
    // The engine's list of containers may be older than this event: the event counts.
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
      if (!EngineError.is(error)) this.#logger.error({ err: error }, 'cannot watch the Docker engine');
      if (this.#stream === undefined) this.#retry();
      else this.#stream.destroy();
    }
  }

  /** Finds the watched containers that have ended while the stream was closed. */
  async #lookUp(): Promise<void> {
    const known = new Map(this.#watched);
    const all = await this.#engine.containers(this.#filters());
    // A container in the state `created` is about to be started.
    const alive = new Set(all.filter(({ State }) => !ENDED.has(State)).map(({ Id }) => Id));
    for (const id of known.keys()) if (!alive.has(id)) this.#ended(id, null);
  }
}
