import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { startProgram, untilReady } from '../background-program.js';
import type { Service, StartContext, StartedService } from '../service.js';
import { endLeftovers } from './control-groups.js';
import { dockerOptions } from './docker-options.js';
import { engineProgram } from './install.js';
import { chooseNetwork, openNetwork, type OwnNetwork, removeNetwork } from './own-network.js';
import { removeTree } from './remove-tree.js';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const READY_MS = 180_000;
const ASK_MS = 15_000;

/**
 * A Docker engine with everything of its own: data, sockets, pid file, control group, network. Others run beside it, ours or
 * another program's, and are not touched; what it needs of the kernel is put back when it is stopped.
 */
export const docker: Service = {
  name: 'docker',
  what: "a Docker engine (Debian's docker.io), or the one that runs here",
  keepsData: false,
  async find() {
    const address = `unix://${DEFAULT_SOCKET}`;
    const answers =
      existsSync(DEFAULT_SOCKET) &&
      (await ask(address).then(
        () => true,
        () => false,
      ));
    return answers ? address : undefined;
  },
  async start(context) {
    const dockerd = await engineProgram(context.progress);
    // Installing it may have started it.
    const address = await this.find();
    return address === undefined ? startEngine(dockerd, context) : { address };
  },
  ask,
  async clear({ details }) {
    const { directory, network } = details as unknown as Details;
    await endLeftovers(nameOf(directory), directory);
    removeTree(directory);
    if (network !== undefined) removeNetwork(network);
  },
};

interface Details {
  /** Data, sockets and pid file. Its path is short because a socket's must be. */
  readonly directory: string;
  /** Undefined: of a version that gave it none. */
  readonly network?: OwnNetwork;
}

/** Of its control group, and in what it has of the network. */
const nameOf = (directory: string): string => path.basename(directory);

async function startEngine(dockerd: string, { log, keep, progress }: StartContext): Promise<StartedService> {
  const own = mkdtempSync(path.join(os.tmpdir(), 'dataflower-docker-'));
  const network = chooseNetwork(nameOf(own));
  const details: Details = { directory: own, network };
  const address = `unix://${own}/docker.sock`;
  const started = { address, log, details: details as unknown as Record<string, unknown> };
  keep(started);
  openNetwork(network);
  // A file of its own also keeps it from reading one that is meant for another engine.
  const configuration = path.join(own, 'engine.json');
  writeFileSync(configuration, JSON.stringify(settings(own, address, network)));
  const identity = await startProgram(dockerd, ['--config-file', configuration], { cwd: own, log });
  const running = { ...started, process: identity };
  keep(running);
  progress('waiting until it answers');
  await untilReady(identity, { log, withinMs: READY_MS, ask: () => ask(address) });
  return running;
}

const settings = (own: string, address: string, { bridge, range }: OwnNetwork): Record<string, unknown> => ({
  hosts: [address],
  'data-root': `${own}/data`,
  'exec-root': `${own}/exec`,
  pidfile: `${own}/dockerd.pid`,
  'cgroup-parent': nameOf(own),
  // Where the machine has a containerd, engines share it.
  'containerd-namespace': nameOf(own),
  'containerd-plugins-namespace': `${nameOf(own)}-plugins`,
  bridge,
  'default-address-pools': [{ base: range, size: 24 }],
  iptables: false,
  ip6tables: false,
  'ip-forward': false,
  'ip-masq': false,
  'shutdown-timeout': 5,
});

async function ask(address: string): Promise<void> {
  await new Docker({ ...dockerOptions(address), timeout: ASK_MS }).ping();
}
