import type { DataSinkOptions, MeasuredDataSink, SinkMetrics } from './data-sink-options.js';
import { NamespaceSink } from './namespace-sink.js';
import { SinkCore } from './sink-core.js';

/**
 * Makes the data sink of a host: values in memory and in hand-over files, spilled to disk at the limit.
 * Throws the file system's error when no spill directory can be made. Without a directory for hand-over files,
 * `HandoverSource.allocate` gives none.
 */
export function createDataSink(options: DataSinkOptions = {}): MeasuredDataSink {
  return new HostSink(new SinkCore(options));
}

/** The sink of the whole host. Values that are put in through it belong to no namespace. */
class HostSink extends NamespaceSink implements MeasuredDataSink {
  readonly #core: SinkCore;

  constructor(core: SinkCore) {
    super('', core);
    this.#core = core;
  }

  get metrics(): SinkMetrics {
    return this.#core.metrics;
  }

  admit(namespace: string): void {
    this.#core.admit(namespace);
  }

  override close(): Promise<void> {
    return this.#core.close();
  }
}
