import { type Clock, systemClock } from '../clock.js';

/**
 * How bad it is. `degraded`: the process does its work, and something needs looking after before that changes.
 * `unready`: it should get no work now.
 */
export type Severity = 'degraded' | 'unready';

/** What a check has found. The reason is for people, names what is affected, and holds no secret. */
export interface Finding {
  readonly severity: Severity;
  /** One sentence or two, cut at 500 characters: `CouchDB has not answered for 12 s: records wait in files (3.2 MiB of 1 GiB)`. */
  readonly reason: string;
}

/**
 * Says what is wrong with one part of the process; undefined: nothing. It tells what its part knows already rather than
 * trying things out, since whoever asks may ask often.
 */
export type HealthCheck = () => Finding | undefined | Promise<Finding | undefined>;

export interface HealthReport {
  readonly status: 'ready' | Severity;
  readonly reasons: readonly (Finding & { readonly check: string })[];
}

export interface HealthOptions {
  readonly clock?: Clock;
  /** Hears what a check has thrown. Default: nobody. */
  readonly onError?: (check: string, error: unknown) => void;
  /** A check that takes longer counts as one that found trouble, in ms. Default: 2000. */
  readonly timeoutMs?: number;
}

const LONGEST_REASON = 500;

/** The checks of one process, by name, and what they say together. Parts register theirs as they are put together. */
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

  /** Adds a check; the function that it gives takes it out again. Throws when the name is taken. */
  register(name: string, check: HealthCheck): () => void {
    if (this.#checks.has(name)) throw new Error(`There is a health check "${name}" already.`);
    this.#checks.set(name, check);
    return () => void this.#checks.delete(name);
  }

  /** Runs all checks at once. Who asks while they run gets the same answer. Never rejects. */
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
