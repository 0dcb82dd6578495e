import { Counter, type Registry } from 'prom-client';
import { Tally } from '@dataflower/common/metrics';
import type { ActivationRecord } from '@dataflower/common/records';
import type { DataflowAnnotation } from '../engine/records/part-annotations.js';

/** What the records of function runs tell, counted as they are written. No label has as many values as there are users or actions. */
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
    this.#duration = new Tally('dataflower_run_duration_seconds', 'Time functions ran', registry);
    this.#queue = new Tally(
      'dataflower_run_queue_seconds',
      'Time function runs with all their inputs waited for a container, its start included',
      registry,
    );
    this.#init = new Tally(
      'dataflower_run_init_seconds',
      'Time containers took to load the code, where a run waited for it',
      registry,
    );
    this.#transfer = new Tally(
      'dataflower_run_transfer_seconds',
      'Time from the end of a function to the last byte of its output',
      registry,
    );
    const read = { cold: () => this.#cold, warm: () => this.#warm };
    new Counter({
      name: 'dataflower_runs_total',
      help: 'Function runs that ended, by whether their container was there',
      labelNames: ['start'],
      registers,
      collect() {
        this.reset();
        for (const start of ['cold', 'warm'] as const) this.inc({ start }, read[start]());
      },
    });
    const bytes = { in: () => this.#bytesIn, out: () => this.#bytesOut };
    new Counter({
      name: 'dataflower_run_bytes_total',
      help: 'Bytes of values that functions took in and put out',
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
