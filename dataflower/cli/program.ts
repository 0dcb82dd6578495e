import { Command, CommanderError } from 'commander';
import { VERSION } from '../version.js';
import { cancelCommand } from './cancel.js';
import { deployCommand } from './deploy.js';
import { explainCommand } from './explain.js';
import { graphCommand } from './graph.js';
import { invokeCommand } from './invoke.js';
import { CommandError, FAILURE, messageOf, type Terminal, USAGE_ERROR } from './outcome.js';
import { pluginCommand } from './plugin.js';
import { shimCommand } from './shim.js';
import { standaloneCommand } from './standalone.js';
import { statusCommand } from './status.js';
import { storeCommand } from './store.js';
import { userCommand } from './user.js';

/** Runs the command line and returns its exit code: 0 for success, 1 for a failure, 2 for wrong usage. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  // Options after a sub-command belong to it: the value of a parameter may be `--version`.
  const program = new Command('dataflower').enablePositionalOptions();
  const commands = [
    standaloneCommand,
    pluginCommand,
    shimCommand,
    userCommand,
    storeCommand,
    deployCommand,
    graphCommand,
    invokeCommand,
    explainCommand,
    cancelCommand,
    statusCommand,
  ];
  program.description('Serverless workflows on OpenWhisk, run by data flow.').version(VERSION);
  for (const make of commands) program.addCommand(make(terminal));
  for (const command of [program, ...program.commands, ...program.commands.flatMap((sub) => sub.commands)]) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    });
    command.showHelpAfterError('(use --help for more information)');
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR;
    terminal.err(`dataflower: ${printable(messageOf(error))}`);
    return error instanceof CommandError ? error.exitCode : FAILURE;
  }
}

/** Replaces control characters, which may come from quoted files and servers, except line feeds. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
