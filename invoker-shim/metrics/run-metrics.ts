import { Counter, type Registry } from 'prom-client';
import { RUN_METRICS, Tally } from '@dataflower/common/metrics';
import type { ActivationRecord, DataflowAnnotation } from '@dataflower/common/records';

/** Counts function runs by their records, as these are written. No label has as many values as there are users or actions. */
export class RunMetrics {
  readonly #duration: Tally;
  readonly #queue: Tally;
  readonly #init: Tally;
  readonly #transfer: Tally;
  #warm = 0;
  #cold = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#duration = new Tally(RUN_METRICS.duration, registry);
    this.#queue = new Tally(RUN_METRICS.queue, registry);
    this.#init = new Tally(RUN_METRICS.init, registry);
    this.#transfer = new Tally(RUN_METRICS.transfer, registry);
    const read = { cold: () => this.#cold, warm: () => this.#warm };
    new Counter({
      ...RUN_METRICS.runs,
      labelNames: ['start'],
      registers,
      collect() {
        this.reset();
        for (const start of ['cold', 'warm'] as const) this.inc({ start }, read[start]());
      },
    });
    const bytes = { in: () => this.#bytesIn, out: () => this.#bytesOut };
    new Counter({
      ...RUN_METRICS.bytes,
      labelNames: ['direction'],
      registers,
      collect() {
        this.reset();
        for (const direction of ['in', 'out'] as const) this.inc({ direction }, bytes[direction]());
      },
    });
  }

  /** Hears of every record that is written. */
  readonly observe = ({ annotations }: ActivationRecord): void => {
    if (annotations['kind'] === 'sequence') return;
    const times = annotations['dataflow'] as DataflowAnnotation | undefined;
    if (times === undefined) return;
    const { queued, init, started, ended, lastByte } = times;
    this.#duration.observe(ended - started);
    this.#queue.observe(Math.max(0, started - queued));
    if (init !== undefined) this.#init.observe(init);
    this.#transfer.observe(lastByte - ended);
    if (times.coldStart) this.#cold++;
    else this.#warm++;
    this.#bytesIn += times.bytesIn;
    this.#bytesOut += times.bytesOut;
  };
}
