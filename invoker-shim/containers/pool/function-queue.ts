import type { Container } from '../lifecycle/container.js';
import type { ContainerContext, FunctionEvents } from '../lifecycle/container-context.js';
import { type ContainerEnding, startText } from '../ending.js';
import type { ContainerSpec, FunctionRun } from '../executor.js';
import { FailureText } from '../failures.js';
import type { Run } from '../runs/run.js';
import type { DurationEstimate } from './duration-estimate.js';
import { FunctionContainers } from './function-containers.js';
import type { IdleWatch } from './idle-watch.js';
import type { PlaceScheduler } from './place-scheduler.js';
import type { Prewarmed } from './prewarmed.js';
import type { Roster } from './roster.js';
import type { FunctionLoad, Scaling } from './scaling.js';
import type { Sweep } from './sweep.js';
import type { PlaceSeeker, Tenant } from './tenant.js';
import { WaitingRuns } from './waiting-runs.js';
import type { WarmAhead } from './warm-ahead.js';

/** Containers that may die under a run before it starts; then the run fails. */
const MAX_LOSSES = 3;

/** Shared by the queues of all functions. */
export interface QueueContext {
  readonly containers: ContainerContext;
  readonly scaling: Scaling;
  readonly scheduler: PlaceScheduler;
  readonly roster: Roster;
  readonly prewarmed: Prewarmed;
  readonly ahead: WarmAhead;
  readonly idleWatch: IdleWatch;
  readonly sweep: Sweep;
}

/** The runs of one function that wait, and which of its containers gets them. */
export class FunctionQueue implements FunctionEvents<Container>, PlaceSeeker, FunctionLoad {
  readonly #runs: WaitingRuns;
  readonly #containers: FunctionContainers;

  readonly #context: QueueContext;

  constructor(
    readonly key: string,
    readonly tenant: Tenant,
    /** Of the last run: its `load` is used for the next start. */
    public spec: ContainerSpec,
    readonly duration: DurationEstimate,
    context: QueueContext,
  ) {
    this.#context = context;

    this.#runs = new WaitingRuns();
    this.#containers = new FunctionContainers(duration);
  }

  get waiting(): number {
    return this.#runs.count;
  }

  get containers(): number {
    return this.#containers.count;
  }

  get able(): number {
    return this.#containers.able;
  }

  get idle(): readonly Container[] {
    return this.#containers.idle;
  }

  get asleep(): readonly Container[] {
    return this.#containers.asleep;
  }

  get ready(): readonly Container[] {
    return this.#containers.ready;
  }

  get coming(): number {
    return this.#containers.coming;
  }

  get capacity(): number {
    return this.#containers.capacity;
  }

  get typicalMs(): number | undefined {
    return this.duration.typicalMs;
  }

  leastAgeMs(): number {
    return this.#containers.leastAge(this.#context.containers.stopwatch());
  }

  execute(run: Run): void {
    if (this.#runs.count === 0) {
      const container = this.#containers.pick();
      if (container !== undefined) {
        container.send(run);
        if (container.unfinished === 0) this.#toIdle(container);
        this.#context.sweep.start();
        return;
      }
    }
    this.#runs.pushBack(run);
    this.scaleOut();
    this.#context.sweep.start();
  }

  /** A waiting run was cancelled. */
  forget(run: Run): void {
    this.#runs.forget(run);
  }

  /** Takes out every run that waits. */
  drain(): Run[] {
    return this.#runs.drain();
  }

  /** Has free containers for `count` runs that are expected. */
  warm(count: number): void {
    const { scaling, scheduler } = this.#context;
    const wanted = scaling.expectedContainers(count, this.typicalMs);
    const containers = this.#containers;
    for (let free = containers.idle.length + containers.coming; free < wanted; free++) {
      if (containers.wakeOne()) continue;
      if (containers.ready.length > 0 && !scaling.isLong(this.typicalMs)) return;
      if (scaling.isFull(containers.able) || !scheduler.makeRoom(this)) return;
      this.start(true);
    }
  }

  /** Pauses an idle container. */
  putToSleep(container: Container): void {
    this.#containers.putToSleep(container);
  }

  /** Wakes or starts containers for the runs that wait, while that helps them and there is room. */
  scaleOut(): void {
    const { scaling, scheduler } = this.#context;
    while (scaling.wantsMore(this)) {
      if (this.#containers.wakeOne()) continue;
      if (scaling.isFull(this.able)) return;
      if (!scheduler.makeRoom(this)) {
        scheduler.wait(this);
        return;
      }
      this.start();
    }
  }

  get wantsOneMore(): boolean {
    const { scaling } = this.#context;
    return !scaling.isFull(this.able) && scaling.wantsMore(this);
  }

  /** Starts a container, or takes a pre-warmed one. @param expected For a run that is expected, not for one that waits. */
  start(expected = false): void {
    const { ahead, prewarmed, roster, scaling, scheduler, sweep } = this.#context;
    this.#containers.starts();
    scaling.starting++;
    const container = prewarmed.take(this.spec) ?? roster.add(this.spec, this);
    container.assign(this.spec, this);
    container.expected = expected;
    if (expected) ahead.containerStarted();
    scheduler.placed(this, container);
    sweep.start();
  }

  sweep(): void {
    if (this.#runs.count === 0) return;
    this.#dispatch();
    this.scaleOut();
  }

  // From the containers.

  firstRun(): FunctionRun | undefined {
    return this.#runs.peek()?.request;
  }

  onReady(container: Container): void {
    this.#containers.becameReady(container);
    this.#context.scaling.starting--;
    this.#fill(container);
    if (container.unfinished === 0 && container.accepts) this.#toIdle(container);
  }

  onAwake(container: Container): void {
    this.#containers.becameAwake(container);
    this.onFreed(container);
  }

  onFreed(container: Container): void {
    if (this.#context.scheduler.claims(this, container)) {
      container.retire();
      return;
    }
    this.#fill(container);
    if (container.unfinished === 0 && !this.#containers.isIdle(container)) this.#toIdle(container);
  }

  onReturned(runs: readonly Run[]): void {
    const { ender } = this.#context.containers;
    for (const run of runs.toReversed()) {
      if (this.#context.roster.closing) ender.drop(run);
      else if (run.losses > MAX_LOSSES) ender.fail(run, '', 3, FailureText.noContainer);
      else this.#runs.pushFront(run);
    }
    this.#dispatch();
    this.scaleOut();
    this.#context.sweep.start();
  }

  onHeldChanged(container: Container): void {
    this.#context.scheduler.heldChanged(this, container);
    if (container.held) this.scaleOut();
    else if (container.accepts) this.onFreed(container);
  }

  onStartFailed(_container: Container, ending: ContainerEnding): Run | undefined {
    const ends = startText(ending, false) !== undefined;
    if (!ends && ending.kind !== 'NOT_STARTED' && ending.kind !== 'AWAY') return undefined;
    const first = this.#runs.peek();
    if (first === undefined) return undefined;
    if (!ends && ++first.losses <= MAX_LOSSES) return undefined;
    this.#runs.next();
    first.finishing();
    return first;
  }

  onLeaving(container: Container): void {
    if (!this.#containers.leaves(container)) this.#context.scaling.starting--;
  }

  #dispatch(): void {
    while (this.#runs.count > 0) {
      const container = this.#containers.pick();
      if (container === undefined) return;
      const run = this.#runs.next();
      if (run === undefined) return;
      container.send(run);
      if (container.unfinished === 0 && container.accepts) this.#toIdle(container);
    }
  }

  /** Sends waiting runs to a container while it has room. */
  #fill(container: Container): void {
    const depth = this.duration.depth;
    while (this.#runs.count > 0 && container.accepts && container.unfinished < depth) {
      const run = this.#runs.next();
      if (run === undefined) return;
      this.#containers.becameBusy(container);
      container.send(run);
    }
  }

  #toIdle(container: Container): void {
    if (!container.accepts) return;
    container.idleSince = this.#context.containers.stopwatch();
    this.#containers.becameIdle(container);
    this.#context.scheduler.serveWaiting();
    this.#context.idleWatch.containerIdle();
  }
}
