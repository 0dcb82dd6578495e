import { Counter, type Registry } from 'prom-client';

/** What a request was for. */
export type RouteClass = 'invoke' | 'api' | 'admin';

/** Counts answers by route class and status; plain numbers on the path, Prometheus only when it asks. */
export class RequestCounts {
  private readonly counts = new Map<RouteClass, Map<number, number>>();

  constructor(registry: Registry) {
    const { counts } = this;
    new Counter({
      name: 'dataflower_http_requests_total',
      help: 'HTTP requests answered, by route class and status',
      labelNames: ['route', 'status'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [route, statuses] of counts)
          for (const [status, count] of statuses) this.inc({ route, status }, count);
      },
    });
  }

  add(route: RouteClass, status: number): void {
    let statuses = this.counts.get(route);
    if (statuses === undefined) this.counts.set(route, (statuses = new Map<number, number>()));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
}
