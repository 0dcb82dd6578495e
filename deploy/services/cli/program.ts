import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { ServiceManager, type ServiceStatus } from '../manager.js';
import { SERVICE_NAMES, SERVICE_VARIABLES, type ServiceName } from '../names.js';
import { SERVICES } from '../services.js';
import { type ProgressOutput, withProgress } from './progress.js';
import { environmentLine, statusLine } from './status-line.js';

export interface Output {
  out(text: string): void;
  readonly err: ProgressOutput;
}

/** Exit status: 0 all is as asked; 1 a service failed, or `status` found one that is not up; 2 a wrong command line. */
export async function runServices(
  args: readonly string[],
  output: Output,
  manager = new ServiceManager(),
): Promise<number> {
  let status = 0;
  const all = async (names: readonly ServiceName[], one: (name: ServiceName) => Promise<boolean>): Promise<void> => {
    // One after the other, all of them: what is said of the second is worth knowing when the first has failed.
    for (const name of names) {
      const ok = await one(name).catch((error: unknown) => {
        output.err.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
        return false;
      });
      if (!ok) status = 1;
    }
  };
  const print = (found: ServiceStatus, environment = false): void => {
    const line = environment ? environmentLine(found) : statusLine(found);
    if (line !== undefined) output.out(line);
  };

  const program = command(output)
    .addCommand(
      namesCommand('up', 'start what is not up, and wait until it answers', output)
        .option('--env', 'print lines for a shell, with credentials, instead of the table')
        .action((names: string[], { env }: { env?: boolean }) =>
          all(known(names), async (name) => {
            print(await withProgress(name, output.err, (progress) => manager.up(name, progress)), env);
            return true;
          }),
        ),
    )
    .addCommand(
      namesCommand('down', 'stop what was started from here, and remove its files', output).action((names: string[]) =>
        all(known(names), async (name) => {
          const stopped = await withProgress(name, output.err, () => manager.down(name));
          output.out(`${name.padEnd(8)} ${stopped ? 'down' : 'was not up'}`);
          return true;
        }),
      ),
    )
    .addCommand(
      namesCommand('status', 'where each one is, asked now', output)
        .option('--env', 'print lines for a shell, with credentials, instead of the table')
        .action((names: string[], { env }: { env?: boolean }) =>
          all(known(names), async (name) => {
            const found = await manager.status(name);
            print(found, env);
            return found.by !== 'down' && found.problem === undefined;
          }),
        ),
    );
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error instanceof InvalidArgumentError) output.err.write(`${error.message}\n`);
    return error.exitCode === 0 ? 0 : 2;
  }
}

function command(output: Output): Command {
  const lines = SERVICE_NAMES.map((name) => `  ${name.padEnd(10)}${SERVICES[name].what} (${SERVICE_VARIABLES[name]})`);
  return configured(new Command('services'), output)
    .description('What the tests need besides Node: started here, unless the environment says where it is.')
    .addHelpText('after', `\nServices, and the variables that say where one is already:\n${lines.join('\n')}`);
}

function namesCommand(name: string, description: string, output: Output): Command {
  return configured(new Command(name), output).description(description).argument('[names...]', 'default: all');
}

function configured(command: Command, output: Output): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => output.out(text.trimEnd()),
    writeErr: (text) => void output.err.write(text),
  });
}

/** The services of these names, all when there are none. */
function known(names: readonly string[]): readonly ServiceName[] {
  const unknown = names.find((name) => !Object.hasOwn(SERVICES, name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no service "${unknown}"; there are ${SERVICE_NAMES.join(' and ')}.`);
  }
  return names.length === 0 ? SERVICE_NAMES : (names as ServiceName[]);
}
