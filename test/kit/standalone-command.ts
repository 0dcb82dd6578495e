import { command, type CommandOptions, type Ended } from './command.js';
import { cli } from './platform.js';

/** Runs `dataflower` with these arguments to its end. */
export function dataflower(args: readonly string[], options?: CommandOptions): Promise<Ended> {
  return command(process.execPath, [cli, ...args], options);
}
