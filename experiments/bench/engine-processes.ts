import { processesNamed } from '../platform/cpu-time.js';

/** As the kernel cuts it. */
const SHIM = 'containerd-shim';

/**
 * Looks, whenever it is called, for the Docker engine's container shims that were not there before. The processes of a
 * container are below its shim, not below the platform that asked for it.
 */
export function containerShims(): () => number[] {
  const before = new Set(processesNamed(SHIM));
  return () => processesNamed(SHIM).filter((pid) => !before.has(pid));
}

/** All that the Docker engine consists of. It works for whoever has it run containers. */
export function engineProcesses(): number[] {
  return ['dockerd', 'containerd', SHIM].flatMap((name) => processesNamed(name));
}
