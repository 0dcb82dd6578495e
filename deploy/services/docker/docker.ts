import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { startProgram, untilReady } from '../background-program.js';
import type { Service, StartContext, StartedService } from '../service.js';
import { dockerOptions } from './docker-options.js';
import { readForwarding, restoreForwarding } from './forwarding.js';
import { engineProgram } from './install.js';
import { removeBridges, removeControlGroups, removeTree } from './leftovers.js';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const DEFAULT_BRIDGE = 'docker0';
const READY_MS = 60_000;
const ASK_MS = 5_000;

/**
 * A Docker engine with everything of its own: data, sockets, pid file, control group. It does not touch one that is
 * there already; what it needs of the kernel (a bridge, packet filter rules, forwarding) is put back when it is stopped.
 */
export const docker: Service = {
  name: 'docker',
  what: "a Docker engine (Debian's docker.io), or the one that runs here",
  async find() {
    const address = `unix://${DEFAULT_SOCKET}`;
    const answers = existsSync(DEFAULT_SOCKET) && (await ask(address).then(Boolean, () => false));
    return answers ? address : undefined;
  },
  async start(context) {
    const dockerd = await engineProgram(context.progress);
    // Installing it may have started it.
    const address = await this.find();
    return address === undefined ? startEngine(dockerd, context) : { address };
  },
  ask: async (address) => void (await ask(address)),
  async clear({ details }) {
    const { directory, forwarding } = details as unknown as Details;
    removeTree(directory);
    removeBridges(DEFAULT_BRIDGE);
    removeControlGroups(controlGroup(directory));
    restoreForwarding(forwarding);
  },
};

interface Details {
  /** Data, sockets and pid file. Its path is short because a socket's must be. */
  readonly directory: string;
  readonly forwarding: ReturnType<typeof readForwarding>;
}

const controlGroup = (directory: string): string => path.basename(directory);

async function startEngine(dockerd: string, { directory, log, keep, progress }: StartContext): Promise<StartedService> {
  if (existsSync(`/sys/class/net/${DEFAULT_BRIDGE}`)) {
    throw new Error(
      `There is a bridge ${DEFAULT_BRIDGE}, so another Docker engine runs here, or has left it. Set DOCKER_HOST to where ` +
        `it listens (unix:///path/to/docker.sock); if none runs, remove the bridge: ip link delete ${DEFAULT_BRIDGE}`,
    );
  }
  const own = mkdtempSync(path.join(os.tmpdir(), 'dataflower-docker-'));
  const details: Details = { directory: own, forwarding: readForwarding() };
  const address = `unix://${own}/docker.sock`;
  const started = { address, log, details: details as unknown as Record<string, unknown> };
  keep(started);
  mkdirSync(directory, { recursive: true });
  const args = ['--host', address, '--data-root', `${own}/data`, '--exec-root', `${own}/exec`]
    .concat(['--pidfile', `${own}/dockerd.pid`, '--cgroup-parent', controlGroup(own)])
    // Nothing of a configuration that is meant for another engine.
    .concat(['--config-file', '/dev/null', '--iptables=true', '--ip6tables=false', '--shutdown-timeout', '5']);
  const identity = await startProgram(dockerd, args, { cwd: own, log });
  const running = { ...started, process: identity };
  keep(running);
  progress('waiting until it answers');
  await untilReady(identity, { log, withinMs: READY_MS, ask: () => ask(address) });
  return running;
}

async function ask(address: string): Promise<true> {
  await new Docker({ ...dockerOptions(address), timeout: ASK_MS }).ping();
  return true;
}
