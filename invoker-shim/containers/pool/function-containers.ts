import type { Container } from '../lifecycle/container.js';
import type { DurationEstimate } from './duration-estimate.js';

/** The containers of one function, by the work that they have. The container that ran last runs next. */
export class FunctionContainers {
  /** Ready and without work, the one that ran last at the end. */
  readonly #idle: Container[] = [];
  /** Ready and paused, pausing or resuming; the one that ran last at the end. */
  readonly #asleep: Container[] = [];
  /** Those of them that wake up. */
  readonly #waking = new Set<Container>();
  readonly #ready: Container[] = [];
  #starting = 0;

  readonly #duration: DurationEstimate;

  constructor(duration: DurationEstimate) {
    this.#duration = duration;
  }

  get idle(): readonly Container[] {
    return this.#idle;
  }

  get asleep(): readonly Container[] {
    return this.#asleep;
  }

  get ready(): readonly Container[] {
    return this.#ready;
  }

  /** Containers that start, or are ready and not retired. */
  get count(): number {
    return this.#ready.length + this.#starting;
  }

  /** Those of them that take runs or will: not one that is held in `emit`. */
  get able(): number {
    let able = this.#starting;
    for (const container of this.#ready) if (!container.held) able++;
    return able;
  }

  /** Containers that will be ready without more being started. */
  get coming(): number {
    return this.#starting + this.#waking.size;
  }

  /** Containers that work on the runs that wait, or soon will: not one that is paused, retired, slow or held in `emit`. */
  get capacity(): number {
    let capacity = this.coming;
    for (const container of this.#ready)
      if (!container.held && !container.slow && !container.retiring && !this.#asleep.includes(container)) capacity++;
    return capacity;
  }

  /** The shortest time, in ms, that a container has been at its run. */
  leastAge(now: number): number {
    let least = Infinity;
    for (const container of this.#ready) least = Math.min(least, container.runningFor(now));
    return least;
  }

  /** A container starts. */
  starts(): void {
    this.#starting++;
  }

  becameReady(container: Container): void {
    this.#starting--;
    this.#ready.push(container);
  }

  becameIdle(container: Container): void {
    this.#idle.push(container);
  }

  isIdle(container: Container): boolean {
    return this.#idle.includes(container);
  }

  /** It has work. */
  becameBusy(container: Container): void {
    remove(this.#idle, container);
  }

  /** It was paused and is awake. */
  becameAwake(container: Container): void {
    this.#waking.delete(container);
    remove(this.#asleep, container);
  }

  /** Takes it out. Returns false when it was starting. */
  leaves(container: Container): boolean {
    const wasReady = remove(this.#ready, container);
    if (!wasReady) this.#starting--;
    remove(this.#idle, container);
    remove(this.#asleep, container);
    this.#waking.delete(container);
    return wasReady;
  }

  /** Takes out the container for the next run: a busy one that is soon free, the idle one that ran last, or the one with the fewest runs. */
  pick(): Container | undefined {
    const duration = this.#duration;
    const idle = this.#idle;
    const stack = duration.stack;
    if (idle.length > 0) {
      if (stack > 0 && this.#ready.length > idle.length) {
        const busy = this.#leastBusy(stack);
        if (busy !== undefined && busy.unfinished > 0) return busy;
      }
      return idle.pop();
    }
    const depth = duration.depth;
    return depth > 1 ? this.#leastBusy(depth) : undefined;
  }

  /** Pauses an idle container. */
  putToSleep(container: Container): void {
    remove(this.#idle, container);
    this.#asleep.push(container);
    container.sleep.pause();
  }

  /** Wakes the paused container that ran last; false when none is left. */
  wakeOne(): boolean {
    const container = this.#asleep.findLast((candidate) => !this.#waking.has(candidate));
    if (container === undefined) return false;
    this.#waking.add(container);
    container.sleep.wake();
    return true;
  }

  /** Of the containers with fewer than `depth` runs but some, the one with the fewest. */
  #leastBusy(depth: number): Container | undefined {
    let best: Container | undefined;
    let least = depth;
    for (const container of this.#ready) {
      const { unfinished } = container;
      if (unfinished > 0 && unfinished < least && container.accepts) {
        best = container;
        least = unfinished;
      }
    }
    return best;
  }
}

function remove<T>(list: T[], item: T): boolean {
  const at = list.lastIndexOf(item);
  if (at === -1) return false;
  list.splice(at, 1);
  return true;
}
