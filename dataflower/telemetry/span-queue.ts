import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { TracedRecord } from './spans.js';

/** `ExportResultCode.SUCCESS`, of a package that is no dependency of this one. */
const SUCCESS = 0;

export interface SpanQueueOptions {
  readonly exporter: SpanExporter;
  readonly toSpans: (record: TracedRecord) => ReadableSpan[];
  /** The collector begins to fail (with the error), or takes spans again (undefined). */
  readonly onTrouble: (error: unknown) => void;
  /** Most records that wait. Default: 10,000. */
  readonly mostWaiting?: number;
  /** Records whose spans go into one request. Default: 256. */
  readonly batch?: number;
  /** Time for which a record waits for others, in ms. Default: 1000. */
  readonly lingerMs?: number;
}

export interface SpanCounts {
  readonly exported: number;
  readonly dropped: number;
}

/**
 * Records on their way to a collector. They are made into spans and sent in batches, one request at a time, off the path of
 * activations. Records that do not fit, and records whose spans the collector does not take, are dropped and counted. An empty
 * queue has no timer.
 */
export class SpanQueue {
  readonly #waiting: TracedRecord[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #failing = false;
  #closed = false;
  #exported = 0;
  #dropped = 0;
  readonly #mostWaiting: number;
  readonly #batch: number;
  readonly #lingerMs: number;

  readonly #options: SpanQueueOptions;

  constructor(options: SpanQueueOptions) {
    this.#options = options;

    this.#mostWaiting = options.mostWaiting ?? 10_000;
    this.#batch = options.batch ?? 256;
    this.#lingerMs = options.lingerMs ?? 1000;
  }

  get counts(): SpanCounts {
    return { exported: this.#exported, dropped: this.#dropped };
  }

  push(record: TracedRecord): void {
    if (this.#closed || this.#waiting.length >= this.#mostWaiting) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(record);
    if (this.#waiting.length >= this.#batch) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), this.#lingerMs).unref();
  }

  /** Sends the records that wait while the collector takes them; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#send();
    while (this.#sending !== undefined) await this.#sending;
    this.#dropped += this.#waiting.splice(0).length;
    await this.#options.exporter.shutdown();
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    this.#sending = this.#sendBatch().then(() => {
      this.#sending = undefined;
      if (this.#closed && this.#failing) return;
      if (this.#waiting.length >= this.#batch || this.#closed) this.#send();
      else if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#send(), this.#lingerMs).unref();
    });
  }

  async #sendBatch(): Promise<void> {
    // Not in the turn of the event loop in which the record was made.
    await new Promise((resolve) => setImmediate(resolve));
    const records = this.#waiting.splice(0, this.#batch);
    try {
      const spans = records.flatMap((record) => this.#options.toSpans(record));
      await this.#export(spans);
      this.#exported += spans.length;
      this.#trouble(undefined);
    } catch (error) {
      this.#dropped += records.length;
      this.#trouble(error);
    }
  }

  #export(spans: ReadableSpan[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#options.exporter.export(spans, ({ code, error }) => {
        if ((code as number) === SUCCESS) resolve();
        else reject(error ?? new Error('the collector takes no spans'));
      });
    });
  }

  #trouble(error: unknown): void {
    const failing = error !== undefined;
    if (failing === this.#failing) return;
    this.#failing = failing;
    this.#options.onTrouble(error);
  }
}
