import { Counter, type Registry } from 'prom-client';
import { HTTP_METRICS, Tally } from '@dataflower/common/metrics';

/** Classes of routes. */
const ROUTES = ['invoke', 'api', 'admin'] as const;
export type RouteClass = (typeof ROUTES)[number];

/** Counts answers by route class and status, and their durations. Updates are plain numbers; Prometheus collects them. */
export class RequestCounts {
  readonly #counts = new Map<RouteClass, Map<number, number>>();
  readonly #durations: Tally;

  constructor(registry: Registry) {
    const counts = this.#counts;
    this.#durations = new Tally(HTTP_METRICS.duration, registry, { name: 'route', values: ROUTES });
    new Counter({
      ...HTTP_METRICS.requests,
      labelNames: ['route', 'status'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [route, statuses] of counts)
          for (const [status, count] of statuses) this.inc({ route, status }, count);
      },
    });
  }

  /** @param since Arrival of the request, by `performance.now`. */
  add(route: RouteClass, status: number, since: number): void {
    this.#durations.observe(performance.now() - since, ROUTES.indexOf(route));
    let statuses = this.#counts.get(route);
    if (statuses === undefined) this.#counts.set(route, (statuses = new Map<number, number>()));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
}
