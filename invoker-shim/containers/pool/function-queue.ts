import { Deque } from '@dataflower/common';
import { Container } from '../lifecycle/container.js';
import type { ContainerContext, ContainerOwner } from '../lifecycle/container-context.js';
import { type ContainerEnding, startText } from '../lifecycle/container-ending.js';
import { DurationEstimate } from './duration-estimate.js';
import type { ContainerSpec, FunctionRun } from '../executor.js';
import { FailureText } from '../failures.js';
import type { PendingRun } from '../runs/pending-run.js';
import type { Tenant } from './tenant.js';

/** Containers that may die under a run before it starts; then the run fails. */
const MAX_LOSSES = 3;
/** Work that the containers at hand are through with in so many ms starts no further one (starting takes longer). */
const DRAIN_MS = 30;

/** A function up to this time, in ms, uses a core while it runs: more containers than cores only cost. */
const SHORT_FUNCTION_MS = 1;

/** What a queue asks of the pool. */
export interface QueueHost {
  readonly cores: number;
  readonly maxContainersPerKey: number;
  /** Nothing is started any more, and what comes back is dropped. */
  readonly closing: boolean;
  /** Containers of all functions that start now. */
  starting: number;
  nextContainerId(): string;
  /** Makes room for one container of the queue, evicting idle ones; false: there is none now, or others come first. */
  makeRoom(queue: FunctionQueue): boolean;
  /** A pre-warmed container that the function takes over; undefined: one has to be started. */
  takePrewarmed(spec: ContainerSpec): Container | undefined;
  /** A queue has a container that starts: for a run that waits, or for one that is expected. */
  startedOne(queue: FunctionQueue, container: Container): void;
  /** A queue has to wait for a place. */
  waitForPlace(queue: FunctionQueue): void;
  /** True when the container's place is wanted by another queue: it is not given more work. */
  claims(queue: FunctionQueue, container: Container): boolean;
  /** Something is under way that needs watching. */
  watch(): void;
  containerAdded(container: Container): void;
  containerReady(container: Container): void;
  /** A place is free. */
  containerLeaving(container: Container): void;
  containerStopped(container: Container): void;
  containerIdle(): void;
  heldChanged(container: Container): void;
}

/** The runs and the containers of one function. First in, first out; the container that ran last runs next. */
export class FunctionQueue implements ContainerOwner {
  readonly #waiting = new Deque<PendingRun>();
  /** Runs in `#waiting` that were not cancelled. */
  #waitingCount = 0;
  /** Ready and without work, the one that ran last at the end. */
  readonly #idle: Container[] = [];
  /** Ready and paused, or on the way there or back; the one that ran last at the end. */
  readonly #asleep: Container[] = [];
  /** Those of them that wake up. */
  readonly #waking = new Set<Container>();
  readonly #ready: Container[] = [];
  #starting = 0;

  readonly #context: ContainerContext;
  readonly #host: QueueHost;

  constructor(
    readonly key: string,
    readonly tenant: Tenant,
    /** Of the last run: its `load` is used for the next start. */
    public spec: ContainerSpec,
    readonly duration: DurationEstimate,
    context: ContainerContext,
    host: QueueHost,
  ) {
    this.#context = context;
    this.#host = host;
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  /** Containers that start, or are ready and not let go. */
  get containers(): number {
    return this.#ready.length + this.#starting;
  }

  /** Those of them that can take runs, or will: one that is held in `emit` cannot. */
  get able(): number {
    let able = this.#starting;
    for (const container of this.#ready) if (!container.held) able++;
    return able;
  }

  get starting(): number {
    return this.#starting;
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

  execute(pending: PendingRun): void {
    if (this.#waitingCount === 0) {
      const container = this.#pick();
      if (container !== undefined) {
        container.send(pending);
        if (container.unfinished === 0) this.#toIdle(container);
        this.#host.watch();
        return;
      }
    }
    this.#waits(pending, true);
    this.#waiting.pushBack(pending);
    this.scaleOut();
    this.#host.watch();
  }

  /** Takes a waiting run out. It stays in the ring, as ENDED, until its turn comes. */
  forget(pending: PendingRun): void {
    this.#waits(pending, false);
    if (this.#waitingCount === 0) this.#waiting.drain();
  }

  /** Takes out everything that waits. */
  drain(): PendingRun[] {
    const waiting = this.#waiting.drain().filter((pending) => pending.state === 'WAITING');
    for (const pending of waiting) this.#waits(pending, false);
    return waiting;
  }

  /** Has `count` containers for runs that are expected. More than one, or one beside those that work, only of a long function. */
  warm(count: number): void {
    const isLong = (this.duration.typicalMs ?? 0) >= DRAIN_MS;
    const wanted = isLong ? Math.min(count, this.#host.cores, this.#host.maxContainersPerKey) : 1;
    for (let atHand = this.#idle.length + this.#coming; atHand < wanted; atHand++) {
      if (this.#wakeOne()) continue;
      if (this.#ready.length > 0 && !isLong) return;
      if (this.able >= this.#host.maxContainersPerKey || !this.#host.makeRoom(this)) return;
      this.start(true);
    }
  }

  /** Pauses an idle container. */
  putToSleep(container: Container): void {
    remove(this.#idle, container);
    this.#asleep.push(container);
    container.sleep.pause();
  }

  /** Starts containers for what waits, when those at hand are not through with it soon and there is room. */
  scaleOut(): void {
    while (this.#waitingCount > this.#coming && this.#wantsMore()) {
      if (this.#wakeOne()) continue;
      if (this.able >= this.#host.maxContainersPerKey) return;
      if (!this.#host.makeRoom(this)) {
        this.#host.waitForPlace(this);
        return;
      }
      this.start();
    }
  }

  /** True while a container more would help what waits. */
  get wantsOneMore(): boolean {
    return this.#waitingCount > this.#coming && this.able < this.#host.maxContainersPerKey && this.#wantsMore();
  }

  /** @param expected It is for a run that is expected, not for one that waits. */
  start(expected = false): void {
    this.#starting++;
    this.#host.starting++;
    let container = this.#host.takePrewarmed(this.spec);
    if (container === undefined) {
      container = new Container(this.#host.nextContainerId(), this.spec, this.#context, this);
      this.#host.containerAdded(container);
    } else {
      container.assign(this.spec, this);
    }
    container.expected = expected;
    this.#host.startedOne(this, container);
    this.#host.watch();
  }

  sweep(): void {
    if (this.#waitingCount === 0) return;
    this.#dispatch();
    this.scaleOut();
  }

  // From the containers.

  onReady(container: Container): void {
    this.#starting--;
    this.#host.starting--;
    this.#ready.push(container);
    this.#host.containerReady(container);
    this.#fill(container);
    if (container.unfinished === 0 && container.accepts) this.#toIdle(container);
  }

  onAwake(container: Container): void {
    this.#waking.delete(container);
    remove(this.#asleep, container);
    this.onFreed(container);
  }

  onFreed(container: Container): void {
    if (this.#host.claims(this, container)) {
      container.retire();
      return;
    }
    this.#fill(container);
    if (container.unfinished === 0 && !this.#idle.includes(container)) this.#toIdle(container);
  }

  onReturned(runs: readonly PendingRun[]): void {
    for (const pending of runs.toReversed()) {
      if (this.#host.closing) {
        this.#context.ender.drop(pending);
        continue;
      }
      if (pending.losses > MAX_LOSSES) {
        this.#context.ender.fail(pending, '', 3, FailureText.noContainer);
        continue;
      }
      this.#waits(pending, true);
      this.#waiting.pushFront(pending);
    }
    this.#dispatch();
    this.scaleOut();
    this.#host.watch();
  }

  onHeldChanged(container: Container): void {
    this.#host.heldChanged(container);
    if (container.held) this.scaleOut();
    else if (container.accepts) this.onFreed(container);
  }

  onMeasured(meanMs: number): void {
    this.duration.observe(meanMs);
  }

  onStartFailed(_container: Container, ending: ContainerEnding): PendingRun | undefined {
    const ends = startText(ending, false) !== undefined;
    if (!ends && ending.kind !== 'NOT_STARTED' && ending.kind !== 'AWAY') return undefined;
    const first = this.#peek();
    if (first === undefined) return undefined;
    if (!ends && ++first.losses <= MAX_LOSSES) return undefined;
    this.#waiting.popFront();
    this.#waits(first, false);
    first.state = 'FINISHING';
    return first;
  }

  firstRun(): FunctionRun | undefined {
    return this.#peek()?.run;
  }

  onLeaving(container: Container): void {
    if (!remove(this.#ready, container)) {
      this.#starting--;
      this.#host.starting--;
    }
    remove(this.#idle, container);
    remove(this.#asleep, container);
    this.#waking.delete(container);
    this.#host.containerLeaving(container);
    this.scaleOut();
  }

  onStopped(container: Container): void {
    this.#host.containerStopped(container);
  }

  /** The container for the next run: one that is at it anyway, the one that ran last, or the one with the least to do. */
  #pick(): Container | undefined {
    const { duration } = this;
    const idle = this.#idle;
    const stack = duration.stack;
    if (idle.length > 0) {
      if (stack > 0 && this.#ready.length > idle.length) {
        const busy = this.#least(stack);
        if (busy !== undefined && busy.unfinished > 0) return busy;
      }
      return idle.pop();
    }
    const depth = duration.depth;
    return depth > 1 ? this.#least(depth) : undefined;
  }

  /** Of the containers with fewer than `depth` runs but some, the one with the fewest. */
  #least(depth: number): Container | undefined {
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

  #dispatch(): void {
    while (this.#waitingCount > 0) {
      const container = this.#pick();
      if (container === undefined) return;
      const pending = this.#next();
      if (pending === undefined) return;
      container.send(pending);
      if (container.unfinished === 0 && container.accepts) this.#toIdle(container);
    }
  }

  /** Gives a container that has room what waits. */
  #fill(container: Container): void {
    const depth = this.duration.depth;
    while (this.#waitingCount > 0 && container.accepts && container.unfinished < depth) {
      const pending = this.#next();
      if (pending === undefined) return;
      remove(this.#idle, container);
      container.send(pending);
    }
  }

  #toIdle(container: Container): void {
    if (!container.accepts) return;
    container.idleSince = this.#context.stopwatch();
    this.#idle.push(container);
    this.#host.containerIdle();
  }

  /** A run waits, or no longer: while it does, its input may be written to disk. */
  #waits({ run }: PendingRun, waits: boolean): void {
    this.#waitingCount += waits ? 1 : -1;
    run.input.setWaiting(waits);
  }

  /** Containers that will be ready without more being started. */
  get #coming(): number {
    return this.#starting + this.#waking.size;
  }

  /** Wakes the paused container that ran last; false when none is left. */
  #wakeOne(): boolean {
    const container = this.#asleep.findLast((candidate) => !this.#waking.has(candidate));
    if (container === undefined) return false;
    this.#waking.add(container);
    container.sleep.wake();
    return true;
  }

  #peek(): PendingRun | undefined {
    let first = this.#waiting.peekFront();
    while (first !== undefined && first.state !== 'WAITING') {
      this.#waiting.popFront();
      first = this.#waiting.peekFront();
    }
    return first;
  }

  #next(): PendingRun | undefined {
    const first = this.#peek();
    if (first === undefined) return undefined;
    this.#waiting.popFront();
    this.#waits(first, false);
    return first;
  }

  #wantsMore(): boolean {
    const { cores } = this.#host;
    let capacity = this.#coming;
    for (const container of this.#ready)
      if (!container.held && !container.slow && !container.retiring && !this.#asleep.includes(container)) capacity++;
    if (capacity === 0) return true;
    const typical = this.duration.typicalMs ?? this.#leastAge();
    if (typical === undefined) return capacity < cores;
    // Containers that start take the cores from those that work, which then seem too slow.
    if (this.#host.starting >= cores) return false;
    if (typical <= SHORT_FUNCTION_MS && capacity >= cores) return false;
    return (this.#waitingCount * typical) / capacity >= DRAIN_MS;
  }

  /** Before the first result: how long every container has been at its run at least, once that says something. */
  #leastAge(): number | undefined {
    const now = this.#context.stopwatch();
    let least = Infinity;
    for (const container of this.#ready) least = Math.min(least, container.runningFor(now));
    return least < Infinity && least >= DRAIN_MS ? least : undefined;
  }
}

function remove<T>(list: T[], item: T): boolean {
  const at = list.lastIndexOf(item);
  if (at === -1) return false;
  list.splice(at, 1);
  return true;
}
