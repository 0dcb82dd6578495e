import { Gauge, type Registry } from 'prom-client';
import type { RemoteHost } from './remote-host.js';

/** What a plugin knows of its hosts; each host serves what it counts itself. The label's values are those of the configuration. */
export function registerGroupMetrics(registry: Registry, hosts: () => readonly RemoteHost[]): void {
  const gauge = (name: string, help: string, value: (host: RemoteHost) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['host'],
      registers: [registry],
      collect() {
        for (const host of hosts()) this.set({ host: host.id }, value(host));
      },
    });
  };
  gauge('dataflower_host_connected', 'Whether the host is connected', ({ reach }) => (reach === 'connected' ? 1 : 0));
  gauge('dataflower_host_unanswered', 'Activations given to the host and not answered', ({ unanswered }) => unanswered);
}
