import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { startProgram, untilReady } from '../background-program.js';
import type { Service, StartContext, StartedService } from '../service.js';
import { endLeftovers } from './control-groups.js';
import { enginesHere } from './engines-here.js';
import { dockerOptions } from './docker-options.js';
import { readForwarding, restoreForwarding } from './forwarding.js';
import { engineProgram } from './install.js';
import { networkInterfaces, removeBridges, removeTree } from './leftovers.js';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const READY_MS = 60_000;
const ASK_MS = 5_000;

/**
 * A Docker engine with everything of its own: data, sockets, pid file, control group. It does not touch one that is
 * there already; what it needs of the kernel (a bridge, packet filter rules, forwarding) is put back when it is stopped.
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
    const { directory, interfaces, forwarding } = details as unknown as Details;
    await endLeftovers(controlGroup(directory), directory);
    removeTree(directory);
    removeBridges(interfaces);
    restoreForwarding(forwarding);
  },
};

interface Details {
  /** Data, sockets and pid file. Its path is short because a socket's must be. */
  readonly directory: string;
  /** Network interfaces that were there before. */
  readonly interfaces: readonly string[];
  readonly forwarding: ReturnType<typeof readForwarding>;
}

const controlGroup = (directory: string): string => path.basename(directory);

async function startEngine(dockerd: string, { log, keep, progress }: StartContext): Promise<StartedService> {
  const [other] = enginesHere();
  if (other !== undefined) {
    // Two engines on one network would undo each other's bridges and packet filter rules.
    throw new Error(
      `Another Docker engine runs here (process ${other}), and does not listen at ${DEFAULT_SOCKET}. Set DOCKER_HOST to ` +
        'where it does (unix:///path/to/docker.sock).',
    );
  }
  const own = mkdtempSync(path.join(os.tmpdir(), 'dataflower-docker-'));
  const details: Details = { directory: own, interfaces: networkInterfaces(), forwarding: readForwarding() };
  const address = `unix://${own}/docker.sock`;
  const started = { address, log, details: details as unknown as Record<string, unknown> };
  keep(started);
  // A file of its own also keeps it from reading one that is meant for another engine.
  const configuration = path.join(own, 'engine.json');
  writeFileSync(configuration, JSON.stringify(settings(own, address)));
  const identity = await startProgram(dockerd, ['--config-file', configuration], { cwd: own, log });
  const running = { ...started, process: identity };
  keep(running);
  progress('waiting until it answers');
  await untilReady(identity, { log, withinMs: READY_MS, ask: () => ask(address) });
  return running;
}

const settings = (own: string, address: string): Record<string, unknown> => ({
  hosts: [address],
  'data-root': `${own}/data`,
  'exec-root': `${own}/exec`,
  pidfile: `${own}/dockerd.pid`,
  'cgroup-parent': controlGroup(own),
  'shutdown-timeout': 5,
});

async function ask(address: string): Promise<void> {
  await new Docker({ ...dockerOptions(address), timeout: ASK_MS }).ping();
}
