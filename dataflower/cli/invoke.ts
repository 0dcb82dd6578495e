import { Command } from 'commander';
import { actionPath, callApi, refusal } from './api-client.js';
import { indented, membersOf } from './json-text.js';
import { CommandError, type Terminal } from './outcome.js';
import { takeParameters } from './parameters.js';
import { connectionOf, type ConnectionFlags } from './properties.js';

interface Options extends ConnectionFlags {
  readonly result?: true;
  readonly json?: true;
}

interface Activation {
  readonly activationId: string;
  readonly duration: number;
  readonly response: { readonly status: string };
}

const ACCEPTED = 202;
const ERRORS_WITH_RECORD = [500, 502];

/** Removes the parameters from the command line before it is parsed: an option of Commander has one value, not two. */
class InvokeCommand extends Command {
  /** JSON of an object. */
  parameters = '{}';

  override parseOptions(args: string[]): ReturnType<Command['parseOptions']> {
    const { rest, parameters } = takeParameters(args);
    this.parameters = parameters;
    return super.parseOptions(rest);
  }
}

export function invokeCommand(terminal: Terminal): Command {
  const command = new InvokeCommand('invoke');
  return command
    .description('Invoke an action or a workflow and wait for its result.')
    .argument('<name>', 'name of the action')
    .option('-p, --param <name> <value>', 'parameter: its name and its value, which is JSON or a text')
    .option('-P, --param-file <file>', 'file with parameters as a JSON object')
    .option('--result', 'print only the result')
    .option('--json', 'print the whole activation record')
    .option('--apihost <url>', 'API host')
    .option('--auth <key>', 'authorization key')
    .action(async (name: string, options: Options) => {
      const path = `${actionPath(name)}?blocking=true`;
      const answer = await callApi(connectionOf(options, terminal), 'POST', path, command.parameters);
      const { status, body, text } = answer;
      if (status === ACCEPTED) {
        const { activationId } = body as Activation;
        terminal.out(options.json ? text : activationId);
        terminal.err(`The activation has not ended yet: its record will be at activations/${activationId}.`);
        return;
      }
      const isRecord = typeof body === 'object' && body !== null && 'activationId' in body;
      if (status !== 200 && !(ERRORS_WITH_RECORD.includes(status) && isRecord)) throw new CommandError(refusal(answer));
      if (isRecord && !options.json) print(body as Activation, text, options, terminal);
      else terminal.out(text);
      if (status !== 200) throw new CommandError(`The activation ended with: ${(body as Activation).response.status}.`);
    });
}

/** Prints the result with the numbers as the server has written them. */
function print(record: Activation, text: string, options: Options, terminal: Terminal): void {
  if (!options.result) terminal.out(`${record.activationId} ${record.response.status}, ${record.duration} ms`);
  const response = membersOf(membersOf(text).get('response') ?? '{}');
  terminal.out(indented(response.get('result') ?? 'null'));
}
