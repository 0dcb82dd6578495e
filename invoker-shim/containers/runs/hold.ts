/** Whether a container waits in `emit`, and how long its running function has done so: that is no run time of its own. */
export class Hold {
  #on = false;
  #since = 0;
  #ms = 0;

  readonly #stopwatch: () => number;

  /** @param stopwatch Monotonic milliseconds. */
  constructor(stopwatch: () => number) {
    this.#stopwatch = stopwatch;
  }

  get on(): boolean {
    return this.#on;
  }

  set on(on: boolean) {
    this.#ms = this.ms;
    this.#on = on;
    if (on) this.#since = this.#stopwatch();
  }

  /** Milliseconds since `begin` in which it was on. */
  get ms(): number {
    return this.#ms + (this.#on ? this.#stopwatch() - this.#since : 0);
  }

  /** Another function runs from now on. */
  begin(): void {
    this.#ms = 0;
    if (this.#on) this.#since = this.#stopwatch();
  }
}
