import type { ContainerLogger } from '@dataflower/common';
import { type AgentIdentity, Label } from './agent-identity.js';
import type { Engine } from './engine.js';
import { EngineError } from './engine-error.js';

/** Removes containers and networks of agents that are no more, never those of one that lives. */
export async function removeLeftBehind(
  engine: Engine,
  identity: AgentIdentity,
  logger: ContainerLogger,
): Promise<void> {
  const counts = { containers: 0, networks: 0 };
  const removed = async (what: 'container' | 'network', id: string, remove: () => Promise<void>): Promise<void> => {
    try {
      await remove();
      counts[`${what}s`]++;
      logger.debug({ [what]: id }, `a ${what} of a process that is no more was removed`);
    } catch (error) {
      // Another agent may be removing it at this moment.
      if (!EngineError.is(error, 'NOT_FOUND')) logger.error({ err: error, [what]: id }, `a ${what} cannot be removed`);
    }
  };
  const ours = { label: [Label.process] };
  const containers = (await engine.containers(ours)).filter(({ Labels }) => identity.isLeftBehind(Labels));
  await Promise.all(containers.map(({ Id }) => removed('container', Id, () => engine.remove(Id))));
  const networks = (await engine.networks(ours)).filter(({ labels }) => identity.isLeftBehind(labels));
  await Promise.all(networks.map(({ id }) => removed('network', id, () => engine.removeNetwork(id))));
  if (counts.containers + counts.networks > 0) {
    logger.warn(counts, 'what a process left behind that has ended without being stopped was removed');
  }
}
