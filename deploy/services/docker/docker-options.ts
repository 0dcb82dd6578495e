import type { DockerOptions } from 'dockerode';

/** Options of dockerode for an address in the form of `DOCKER_HOST`: `unix:///path`, or `tcp://host:port` without TLS. */
export function dockerOptions(address: string): DockerOptions {
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length) };
  const { hostname, port } = new URL(address);
  return { protocol: 'http', host: hostname, port: port === '' ? 2375 : Number(port) };
}
