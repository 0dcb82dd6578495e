import { encodeValue } from '@dataflower/action-runtime/protocol';
import type { Clock } from '@dataflower/common';
import type { ContainerSpec, Executor, ExecutorStatus, FunctionRun } from '../../containers/executor.js';
import { jsonOf } from '../../sink/testing/json-of.js';
import type { DataSink, Value } from '../../sink/value.js';

/** One step of a scripted function. */
export type Deed =
  | { readonly emit: string; readonly value: unknown }
  | { readonly end: unknown; readonly status?: 0 | 1 | 2 | 3; readonly env?: string | null };

/** A scripted function: its parameters, environment and wired output ports decide what it does. */
export type Script = (params: unknown, env: string | null, run: FunctionRun) => Deed[];

/** One run in the hands of a test. */
export class HeldRun {
  state: 'QUEUED' | 'RUNNING' | 'DONE' = 'QUEUED';
  /** The log of a run whose log is complete later than its value. */
  allLogs: Promise<readonly string[]> | undefined;
  #startedAt = 0;
  #deeds: Deed[] | undefined;

  readonly #executor: FakeExecutor;

  constructor(
    readonly run: FunctionRun,
    executor: FakeExecutor,
  ) {
    this.#executor = executor;
  }

  /** The key of its container, which is the test's name of the action. */
  get name(): string {
    return this.run.spec.key;
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON of any form
  get params(): any {
    return jsonOf(this.run.input);
  }

  start(): this {
    if (this.state !== 'QUEUED') throw new Error(`${this.name} has started before`);
    this.state = 'RUNNING';
    this.#startedAt = this.#executor.clock.now();
    this.run.started(this.#startedAt);
    return this;
  }

  /** False when the engine refuses the port. */
  emit(port: string, value: unknown): boolean {
    return this.run.emitted(port, this.#executor.put(value));
  }

  end(value: unknown, status: 0 | 1 | 2 | 3 = 0, env: string | null = this.run.env): void {
    if (this.state === 'QUEUED') this.start();
    this.#done();
    this.run.ended(this.#end(this.#executor.put(value), status, env));
  }

  endWith(value: Value, status: 0 | 1 | 2 | 3 = 0): void {
    if (this.state === 'QUEUED') this.start();
    this.#done();
    this.run.ended(this.#end(value, status, this.run.env));
  }

  /** OpenWhisk's application error. */
  fail(error: unknown): void {
    this.end({ error }, 1);
  }

  /** The container dies. */
  die(): void {
    this.end({ error: 'The action did not produce a valid response and exited unexpectedly.' }, 2);
  }

  drop(): void {
    this.#done();
    this.run.dropped();
  }

  /** Does the next step of its script: starts, emits, ends. */
  advance(): void {
    if (this.state === 'QUEUED') return void this.start();
    this.#deeds ??= this.#executor.scriptOf(this.name)(this.params, this.run.env, this.run);
    const deed = this.#deeds.shift();
    if (deed === undefined) {
      this.end({});
      return;
    }
    if ('end' in deed) {
      this.end(deed.end, deed.status ?? 0, deed.env === undefined ? this.run.env : deed.env);
      return;
    }
    if (!this.emit(deed.emit, deed.value)) this.end({ error: `emitted on the port ${deed.emit}` }, 2);
  }

  #end(value: Value, status: 0 | 1 | 2 | 3, env: string | null): Parameters<FunctionRun['ended']>[0] {
    const endedAt = this.#executor.clock.now();
    return {
      status,
      value,
      env,
      timedOut: false,
      startedAt: this.#startedAt,
      endedAt,
      initMs: undefined,
      containerId: 'c1',
      coldStart: false,
      logs: [],
      allLogs: this.allLogs,
    };
  }

  #done(): void {
    if (this.state === 'DONE') throw new Error(`${this.name} has ended before`);
    this.state = 'DONE';
    this.#executor.gone(this);
  }
}

/** An executor without containers: the test decides what starts, emits, ends, dies, and when. */
export class FakeExecutor implements Executor {
  /** Runs that are not done, oldest first. */
  readonly open: HeldRun[] = [];
  readonly #byRun = new Map<FunctionRun, HeldRun>();
  readonly #scripts = new Map<string, Script>();
  /** All runs that were ever executed. */
  readonly executed: FunctionRun[] = [];
  /** Containers that were asked for ahead: the key, and the count where that is more than one. */
  readonly warmed: string[] = [];
  /** For each of `warmed`: the keys of the functions that run before it. */
  readonly behind: string[][] = [];
  /** Hints that were taken back. */
  readonly takenBack: string[] = [];
  /** The script of functions that have none. */
  otherwise: Script = (params) => [{ end: params }];

  constructor(
    readonly sink: DataSink,
    readonly clock: Clock,
  ) {}

  script(name: string, script: Script): void {
    this.#scripts.set(name, script);
  }

  scriptOf(name: string): Script {
    return this.#scripts.get(name) ?? this.otherwise;
  }

  put(value: unknown): Value {
    const { segments, shape } = encodeValue(value);
    return this.sink.put(Buffer.concat(segments), shape);
  }

  /** The oldest open run with this name. */
  held(name: string): HeldRun {
    const found = this.open.find((run) => run.name === name);
    if (found === undefined)
      throw new Error(`${name} is not running; open: ${this.open.map((run) => run.name).join(', ') || 'nothing'}`);
    return found;
  }

  /** Executes all scripts until no run is open. */
  runAll(): void {
    while (this.open.length > 0) this.open[0]!.advance();
  }

  gone(held: HeldRun): void {
    this.open.splice(this.open.indexOf(held), 1);
    this.#byRun.delete(held.run);
  }

  execute(run: FunctionRun): void {
    const held = new HeldRun(run, this);
    this.executed.push(run);
    this.open.push(held);
    this.#byRun.set(run, held);
  }

  cancel(run: FunctionRun, reason: string): void {
    const held = this.#byRun.get(run);
    if (held === undefined) return;
    if (held.state === 'QUEUED') held.drop();
    else held.end({ error: reason }, 2);
  }

  withdraw(run: FunctionRun): void {
    const held = this.#byRun.get(run);
    if (held?.state === 'QUEUED') held.drop();
  }

  warm(spec: ContainerSpec, behind: readonly ContainerSpec[] = [], count = 1): () => void {
    this.warmed.push(count === 1 ? spec.key : `${spec.key} × ${count}`);
    this.behind.push(behind.map(({ key }) => key));
    return () => this.takenBack.push(spec.key);
  }

  status(): ExecutorStatus {
    const warmed = { started: 0, used: 0, inVain: 0 };
    return { queued: 0, running: this.open.length, containers: [], warmed };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
