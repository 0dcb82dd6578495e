import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ServiceName } from './names.js';
import { repositoryPath } from './repository.js';
import type { StartedService } from './service.js';

/**
 * Where the services of this copy of the repository keep what they need while they run; git ignores it. The variable
 * DATAFLOWER_SERVICES names another folder.
 */
export function servicesDirectory(): string {
  return process.env['DATAFLOWER_SERVICES'] ?? repositoryPath('.services');
}

const stateFile = (directory: string, name: ServiceName): string => path.join(directory, `${name}.json`);

/** The state of a service that was started from here; undefined when none was. */
export function readState(name: ServiceName, directory = servicesDirectory()): StartedService | undefined {
  try {
    return JSON.parse(readFileSync(stateFile(directory, name), 'utf8')) as StartedService;
  } catch {
    // Not there, or written in half by a machine that went down: nothing that runs has it.
    return undefined;
  }
}

/** Only the user who started the service can read it: the address may hold a password. */
export function writeState(name: ServiceName, state: StartedService, directory = servicesDirectory()): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = stateFile(directory, name);
  writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Removes the service's files, and the folder of all services with the last of them. */
export function removeState(name: ServiceName, directory = servicesDirectory()): void {
  for (const file of readdirSync(directory, { withFileTypes: true }).filter((entry) => belongs(entry.name, name))) {
    rmSync(path.join(directory, file.name), { recursive: true, force: true, maxRetries: 3 });
  }
  try {
    rmdirSync(directory);
  } catch {
    // Another service is there.
  }
}

const belongs = (file: string, name: string): boolean => file === name || file.startsWith(`${name}.`);
