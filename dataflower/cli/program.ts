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

/** Runs the command line and gives its exit code: 0 done, 1 failed, 2 used wrongly. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  // Options behind a sub-command are its own: the value of a parameter may be `--version`.
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
    command.showHelpAfterError('(--help shows how it is used)');
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

/** Without the control characters of files and servers that a message quotes; lines stay. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
