import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Process ids of the Docker engines that use this machine's network, or rather this network namespace. */
export function enginesHere(): number[] {
  const network = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isEngine(pid, network))
    .map(Number);
}

function isEngine(pid: string, network: string): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'dockerd' && readlinkSync(`/proc/${pid}/ns/net`) === network
    );
  } catch {
    // It has ended meanwhile.
    return false;
  }
}
