import { Gauge, Registry } from 'prom-client';
import { GROUP_METRICS, type MetricName } from '@dataflower/common/metrics';
import type { NotedActivation } from '../acceptance/accepted.js';
import type { Answer, CancelOutcome, CancelRequest, Host, HostStatus, StartMessage } from '../host.js';
import type { Placement } from '../placement/placement.js';
import { HostLinkError } from '../wire/errors.js';
import type { RemoteHost } from './remote-host.js';

/** The connections to all hosts of a gateway, as one host. Its placement decides which host runs an activation. */
export class HostGroup implements Host {
  readonly id = 'hosts';

  readonly #registry = new Registry();

  readonly #placement: Placement;

  constructor(
    readonly hosts: readonly [RemoteHost, ...RemoteHost[]],
    placement: Placement,
  ) {
    this.#placement = placement;
    registerGroupMetrics(this.#registry, () => hosts);
  }

  /** Throws `HostLinkError`, and takes nothing, when no host takes work. */
  start(message: StartMessage, answer: Answer): string {
    return this.#placement.choose(message, this.hosts).start(message, answer);
  }

  /** Takes over an activation that an earlier process had given to a host. False when there is no such host. */
  restore({ accepted, host }: NotedActivation, answer: Answer): boolean {
    const given = this.hosts.find(({ id }) => id === host);
    given?.restore(accepted, answer);
    return given !== undefined;
  }

  async cancel(request: CancelRequest): Promise<CancelOutcome> {
    const asked = await Promise.allSettled(this.#reachable().map((host) => host.cancel(request)));
    const found = asked.find((host) => host.status === 'fulfilled' && host.value.outcome !== 'unknown');
    if (found?.status === 'fulfilled') return found.value;
    // A host that cannot be asked may run it.
    const failed = asked.find((host) => host.status === 'rejected');
    if (failed !== undefined) throw failed.reason as Error;
    return { outcome: 'unknown' };
  }

  /** The sum over all hosts that can be reached. */
  async status(): Promise<HostStatus> {
    const all = await Promise.all(this.#reachable().map((host) => host.status()));
    const sum = (of: (status: HostStatus) => number): number => all.reduce((total, status) => total + of(status), 0);
    return {
      activations: sum(({ activations }) => activations),
      queued: sum(({ queued }) => queued),
      executor: {
        queued: sum(({ executor }) => executor.queued),
        running: sum(({ executor }) => executor.running),
        containers: all.flatMap(({ executor }) => executor.containers),
        warmed: {
          started: sum(({ executor }) => executor.warmed.started),
          used: sum(({ executor }) => executor.warmed.used),
          inVain: sum(({ executor }) => executor.warmed.inVain),
        },
      },
      sink: {
        residentBytes: sum(({ sink }) => sink.residentBytes),
        limitBytes: sum(({ sink }) => sink.limitBytes),
      },
    };
  }

  metrics(): Promise<string> {
    return this.#registry.metrics();
  }

  async close(drainMs: number): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.close(drainMs)));
  }

  #reachable(): RemoteHost[] {
    const reachable = this.hosts.filter(({ reach }) => reach !== 'lost');
    if (reachable.length === 0) throw new HostLinkError('UNREACHABLE', 'No host can be reached.');
    return reachable;
  }
}

/** Registers what a gateway knows of its hosts; each host serves its own counts. Label values are ids of the configuration. */
export function registerGroupMetrics(registry: Registry, hosts: () => readonly RemoteHost[]): void {
  const gauge = (metric: MetricName, value: (host: RemoteHost) => number): void => {
    new Gauge({
      ...metric,
      labelNames: ['host'],
      registers: [registry],
      collect() {
        for (const host of hosts()) this.set({ host: host.id }, value(host));
      },
    });
  };
  gauge(GROUP_METRICS.connected, ({ reach }) => (reach === 'connected' ? 1 : 0));
  gauge(GROUP_METRICS.unanswered, ({ unanswered }) => unanswered);
}
