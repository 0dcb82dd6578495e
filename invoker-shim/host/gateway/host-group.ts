import { Registry } from 'prom-client';
import { registerGroupMetrics } from './group-metrics.js';
import type { NotedActivation } from '../acceptance/accepted.js';
import type { Answer, CancelOutcome, CancelRequest, Host, HostStatus, StartMessage } from '../host.js';
import { HostLinkError } from '../wire/errors.js';
import type { RemoteHost } from './remote-host.js';

/**
 * Several hosts as one: each activation runs on the one that takes work and has the fewest unanswered. A host that is
 * lost gets nothing until it is back.
 */
export class HostGroup implements Host {
  readonly id = 'hosts';

  readonly #registry = new Registry();

  constructor(readonly hosts: readonly [RemoteHost, ...RemoteHost[]]) {
    registerGroupMetrics(this.#registry, () => hosts);
  }

  /** Throws `HostLinkError`, and takes nothing, when no host takes work. */
  start(message: StartMessage, answer: Answer): string {
    return this.#choose().start(message, answer);
  }

  /** Takes over what an earlier process had given to a host. False when there is no such host. */
  restore({ accepted, host }: NotedActivation, answer: Answer): boolean {
    const given = this.hosts.find(({ id }) => id === host);
    given?.restore(accepted, answer);
    return given !== undefined;
  }

  async cancel(request: CancelRequest): Promise<CancelOutcome> {
    const asked = await Promise.allSettled(this.#reachable().map((host) => host.cancel(request)));
    const found = asked.find((host) => host.status === 'fulfilled' && host.value.outcome !== 'unknown');
    if (found?.status === 'fulfilled') return found.value;
    // One that cannot be asked may have it.
    const failed = asked.find((host) => host.status === 'rejected');
    if (failed !== undefined) throw failed.reason as Error;
    return { outcome: 'unknown' };
  }

  /** Of all hosts that can be reached, together. */
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

  #choose(): RemoteHost {
    let [best] = this.hosts;
    for (const host of this.hosts) if (rank(host) < rank(best)) best = host;
    if (best.load?.full === true) {
      throw new HostLinkError('OVERLOADED', `The record files of the host ${best.id} are full.`);
    }
    return best;
  }

  #reachable(): RemoteHost[] {
    const reachable = this.hosts.filter(({ reach }) => reach !== 'lost');
    if (reachable.length === 0) throw new HostLinkError('UNREACHABLE', 'No host can be reached.');
    return reachable;
  }
}

/** Less is better: first what takes work at once, then what will soon, then the rest; among equals the fewest unanswered. */
function rank({ reach, load, unanswered }: RemoteHost): number {
  if (reach === 'lost' || load?.full === true || load?.draining === true) return Infinity;
  return unanswered + (reach === 'connected' ? 0 : 1_000_000);
}
