import { processesNamed } from '../platform/cpu-time.js';

/** As the kernel cuts it. */
const NAME = 'containerd-shim';

/**
 * Looks, whenever it is called, for the Docker engine's container shims that were not there before. The processes of a
 * container are below its shim, not below the platform that asked for it.
 */
export function containerShims(): () => number[] {
  const before = new Set(processesNamed(NAME));
  return () => processesNamed(NAME).filter((pid) => !before.has(pid));
}
