import { type Clock, systemClock } from '../clock.js';

/**
 * Severity of a finding. `degraded`: the process does its work, but something needs attention before that changes.
 * `unready`: the process should get no work now.
 */
export type Severity = 'degraded' | 'unready';

/** A problem that a check has found. The reason is for people, names the affected part, and has no secret. */
export interface Finding {
  readonly severity: Severity;
  /** One or two sentences, cut at 500 characters: `CouchDB has not answered for 12 s: records wait in files (3.2 MiB of 1 GiB)`. */
  readonly reason: string;
}

/**
 * Returns the problem of one part of the process; undefined: none. A check tells what its part knows already and tries
 * nothing out, since health may be asked for often.
 */
export type HealthCheck = () => Finding | undefined | Promise<Finding | undefined>;

export interface HealthReport {
  readonly status: 'ready' | Severity;
  readonly reasons: readonly (Finding & { readonly check: string })[];
}

export interface HealthOptions {
  readonly clock?: Clock;
  /** Called with the error that a check has thrown. Default: none. */
  readonly onError?: (check: string, error: unknown) => void;
  /** Time after which a check that has not answered counts as failed, in ms. Default: 2000. */
  readonly timeoutMs?: number;
}

const LONGEST_REASON = 500;

/** The health checks of one process, by name. Parts register their checks when they are opened. */
export class Health {
  readonly #checks = new Map<string, HealthCheck>();
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #running: Promise<HealthReport> | undefined;

  readonly #options: HealthOptions;

  constructor(options: HealthOptions = {}) {
    this.#options = options;

    this.#clock = options.clock ?? systemClock;
    this.#timeoutMs = options.timeoutMs ?? 2000;
  }

  /** Adds a check; the returned function removes it. Throws when the name is taken. */
  register(name: string, check: HealthCheck): () => void {
    if (this.#checks.has(name)) throw new Error(`There is a health check "${name}" already.`);
    this.#checks.set(name, check);
    return () => void this.#checks.delete(name);
  }

  /** Runs all checks at once. Calls while they run share one report. Never rejects. */
  report(): Promise<HealthReport> {
    return (this.#running ??= this.#run().finally(() => (this.#running = undefined)));
  }

  async #run(): Promise<HealthReport> {
    const found = await Promise.all(
      Array.from(this.#checks, async ([check, look]) => {
        const finding = await this.#findingOf(check, look);
        return finding === undefined ? [] : [{ check, ...finding, reason: finding.reason.slice(0, LONGEST_REASON) }];
      }),
    );
    const reasons = found.flat();
    const status = reasons.some(({ severity }) => severity === 'unready')
      ? 'unready'
      : reasons.length > 0
        ? 'degraded'
        : 'ready';
    return { status, reasons };
  }

  async #findingOf(check: string, look: HealthCheck): Promise<Finding | undefined> {
    let stopWaiting = (): void => undefined;
    try {
      const finding = look();
      if (!(finding instanceof Promise)) return finding;
      const late = new Promise<Finding>((resolve) => {
        const reason = `the check "${check}" has not answered within ${this.#timeoutMs} ms`;
        stopWaiting = this.#clock.after(this.#timeoutMs, () => resolve({ severity: 'unready', reason }));
      });
      return await Promise.race([finding, late]);
    } catch (error) {
      this.#options.onError?.(check, error);
      return { severity: 'unready', reason: `the check "${check}" failed: the log says why` };
    } finally {
      stopWaiting();
    }
  }
}
