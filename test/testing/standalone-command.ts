import { command, type CommandOptions, type Ended } from './command.js';
import { cli } from './platform.js';

/** Runs `dataflower` with these arguments to its end; a server would have child processes for containers. */
export function dataflower(args: readonly string[], options?: CommandOptions): Promise<Ended> {
  const environment = { DATAFLOWER_CONTAINERS_DRIVER: 'process', ...options?.environment };
  return command(process.execPath, [cli, ...args], { ...options, environment });
}
