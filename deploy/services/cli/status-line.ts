import type { ServiceStatus } from '../manager.js';
import { howToGet, SERVICE_VARIABLES } from '../names.js';

/** One line for people: name, address without credentials, log. */
export function statusLine({ name, by, address, log, problem }: ServiceStatus): string {
  const words = [name.padEnd(8)];
  if (by === 'down') words.push(`down; to start it: ${howToGet(name)}`);
  else words.push(problem === undefined ? 'up  ' : 'FAILED', withoutCredentials(address ?? ''));
  if (by === 'environment') words.push(`from ${SERVICE_VARIABLES[name]}`);
  if (by === 'found') words.push('runs here already; left alone by down');
  if (log !== undefined) words.push(`log ${log}`);
  if (problem !== undefined) words.push(problem);
  return words.join('  ');
}

/** A line for a shell; undefined when the service is not up. */
export function environmentLine({ name, address, problem }: ServiceStatus): string | undefined {
  if (address === undefined || problem !== undefined) return undefined;
  return `export ${SERVICE_VARIABLES[name]}='${address.replaceAll("'", "'\\''")}'`;
}

function withoutCredentials(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//***@');
}
