import type { Metric, Registry } from 'prom-client';
import type { MetricName } from './names.js';

/** Upper bounds of the buckets, in ms; the times in records are whole milliseconds. */
const BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000];

/**
 * A Prometheus histogram of times, in seconds, with at most one label, whose values are known from the start. An observation
 * is made for every run of every function: it takes a short search and two additions, a tenth of the time of prom-client's
 * own histogram.
 */
export class Tally {
  readonly type = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly #counts: readonly Float64Array[];
  readonly #sumsMs: Float64Array;

  readonly #label: { readonly name: string; readonly values: readonly string[] } | undefined;

  constructor(
    { name, help }: MetricName,
    registry: Registry,
    label?: { readonly name: string; readonly values: readonly string[] },
  ) {
    this.name = name;
    this.help = help;
    this.#label = label;

    this.#counts = Array.from(label?.values ?? [''], () => new Float64Array(BOUNDS_MS.length + 1));
    this.#sumsMs = new Float64Array(this.#counts.length);
    // A registry uses the name and `get` of a metric, and nothing else.
    registry.registerMetric(this as unknown as Metric);
  }

  get labelNames(): readonly string[] {
    return this.#label === undefined ? [] : [this.#label.name];
  }

  /** @param value Index of the label's value. */
  observe(ms: number, value = 0): void {
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]!) bucket++;
    this.#counts[value]![bucket]!++;
    this.#sumsMs[value]! += ms;
  }

  get(): Promise<object> {
    const { name, help, type } = this;
    const values = this.#counts.flatMap((_counts, value) => this.#valuesOf(value));
    return Promise.resolve({ name, help, type, values, aggregator: 'sum' });
  }

  #valuesOf(value: number): object[] {
    const { name } = this;
    const label = this.#label;
    const labels = label === undefined ? {} : { [label.name]: label.values[value]! };
    let sum = 0;
    const buckets = Array.from(this.#counts[value]!, (count, i) => {
      sum += count;
      const le = i < BOUNDS_MS.length ? BOUNDS_MS[i]! / 1000 : '+Inf';
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: sum };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sumsMs[value]! / 1000 },
      { metricName: `${name}_count`, labels, value: sum },
    ];
  }

  reset(): void {
    for (const counts of this.#counts) counts.fill(0);
    this.#sumsMs.fill(0);
  }
}
