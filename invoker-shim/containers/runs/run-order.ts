import type { Clock, ContainerLogger } from '@dataflower/common';
import type { Hold } from './emission.js';
import type { Run } from './run.js';
import { SentAhead } from './sent-ahead.js';

/** The run that a container has started, and those behind it: which one starts when. */
export class RunOrder {
  readonly ahead = new SentAhead();
  #running: Run | undefined;
  /** The container has sent a frame about the running invocation, so it has started. */
  #heard = false;
  /** Its last answer was a developer error: the container starts no more runs. */
  #spent = false;

  readonly #context: { readonly clock: Clock; readonly logger: ContainerLogger };
  readonly #hold: Hold;

  constructor(context: { readonly clock: Clock; readonly logger: ContainerLogger }, hold: Hold) {
    this.#context = context;
    this.#hold = hold;
  }

  get running(): Run | undefined {
    return this.#running;
  }

  /** True once the container has sent a frame about the running invocation. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Runs that have no result. */
  get unfinished(): number {
    return (this.#running === undefined ? 0 : 1) + this.ahead.length;
  }

  /** Nothing runs: this one starts as it arrives. */
  begin(run: Run): void {
    this.#running = run;
    this.#heard = false;
    this.#hold.begin();
    run.begin(this.#context.clock.now(), this.#context.logger);
  }

  /** Starts the first one sent ahead, when nothing runs. */
  beginFirst(): void {
    if (this.#running !== undefined || this.#spent) return;
    const next = this.ahead.startFirst();
    if (next !== undefined) this.begin(next);
  }

  /**
   * The running invocation, if the frame is about it. With none running it may be the first one sent ahead: that one
   * arrived at an idle container, which does not announce the start.
   */
  speaker(id: number): Run | undefined {
    if (this.#running !== undefined) {
      if (this.#running.invocationId !== id) return undefined;
      this.#heard = true;
      return this.#running;
    }
    if (!this.ahead.mayStart(id)) return undefined;
    this.#announced(id);
    return this.#running;
  }

  /**
   * The running one has answered, and the next one runs.
   *
   * @param startedNext The invocation that the container has started; 0: it did not say.
   * @param spent The container starts no more runs.
   */
  next(startedNext: number, spent: boolean): void {
    this.#running = undefined;
    this.#heard = false;
    this.#spent = spent;
    if (startedNext !== 0) this.#announced(startedNext);
    // The next one had not arrived when the answer left: it starts as it arrives.
    else this.beginFirst();
  }

  /** The container ends: takes out the running one. */
  stop(): Run | undefined {
    const running = this.#running;
    this.#running = undefined;
    return running;
  }

  #announced(id: number): void {
    this.begin(this.ahead.start(id));
    this.#heard = true;
  }
}
