import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { TestClock, until } from '@dataflower/common/testing';
import { type ExecutorOptions, createExecutor } from '../pool/container-executor.js';
import type { Executor } from '../executor.js';
import { openHandles } from './leaks.js';
import { MemorySink } from '../../sink/testing/memory-sink.js';
import { ScriptedDriver } from './scripted-driver.js';
import { type TestRunOptions, TestRun, testSpec } from './test-runs.js';

/** An executor over scripted containers, with a clock that the test advances. */
export class Fixture {
  readonly #openBefore = openHandles().length;
  readonly sink = new MemorySink();
  readonly clock = new TestClock();
  readonly driver = new ScriptedDriver();
  readonly socketDir = mkdtempSync(path.join(os.tmpdir(), 'dft-'));
  readonly executor: Executor;
  readonly warnings: { message: string; detail?: string }[] = [];
  /** Errors that the executor logged: bugs. */
  readonly errors: unknown[] = [];

  constructor(options: Partial<ExecutorOptions> = {}) {
    this.executor = createExecutor({
      sink: this.sink,
      driver: this.driver,
      clock: this.clock,
      stopwatch: this.clock.stopwatch,
      socketDir: this.socketDir,
      cores: 2,
      maxContainers: 8,
      memoryLimitMiB: 100_000,
      logger: {
        debug: () => undefined,
        info: () => undefined,
        warn: (fields, message) => this.warnings.push({ message, ...(fields as { detail?: string }) }),
        error: (fields) => this.errors.push(fields),
      },
      ...options,
    });
  }

  run(spec = testSpec(), options?: TestRunOptions): TestRun {
    const run = new TestRun(this.sink, spec, options);
    this.executor.execute(run);
    return run;
  }

  /** Advances the clock in steps, with socket events between them, until the condition holds. */
  async advanceUntil(condition: () => boolean, stepMs = 20): Promise<void> {
    await until(
      () => {
        if (condition()) return true;
        this.clock.advance(stepMs);
        return condition();
      },
      { what: condition.toString() },
    );
  }

  /** Closes and checks that nothing is left: no container, socket, timer, value, offer or source of files. */
  async close(): Promise<void> {
    // The clock stands still, and `close` may need its time limit.
    const closed = this.executor.close(0);
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    await this.advanceUntil(() => isClosed, 10);
    await until(() => openHandles().length <= this.#openBefore, { what: 'every socket and timer is closed' });
    const left = {
      alive: this.driver.alive.length,
      sockets: existsSync(this.socketDir) ? readdirSync(this.socketDir) : [],
      timers: this.clock.timers,
      values: this.sink.live,
      offers: this.sink.offers,
      incoming: this.sink.incoming,
      sources: this.sink.sources,
      errors: this.errors,
      queued: this.executor.status().queued,
    };
    rmSync(this.socketDir, { recursive: true, force: true });
    await this.sink.close();
    expect(left).toEqual({
      alive: 0,
      sockets: [],
      timers: 0,
      values: 0,
      offers: 0,
      incoming: 0,
      sources: 0,
      errors: [],
      queued: 0,
    });
  }
}
