import { Command } from 'commander';
import { callApi, actionPath, refusal } from './api-client.js';
import { CommandError, FAILURE, type Terminal, USAGE_ERROR } from './outcome.js';
import { connectionOf, type ConnectionFlags } from './properties.js';

interface Options extends ConnectionFlags {
  readonly param?: readonly string[];
  readonly result?: true;
  readonly json?: true;
}

interface Activation {
  readonly activationId: string;
  readonly duration: number;
  readonly response: { readonly status: string; readonly result: unknown };
}

const ACCEPTED = 202;
const ERRORS_WITH_RECORD = [500, 502];

export function invokeCommand(terminal: Terminal): Command {
  return new Command('invoke')
    .description('Invoke an action or a workflow and wait for its result.')
    .argument('<name>')
    .option('-p, --param <key-value...>', 'a parameter: its name, then its value, JSON or a text')
    .option('--result', 'print the result alone')
    .option('--json', 'print the whole activation record')
    .option('--apihost <url>', 'API host')
    .option('--auth <key>', 'authorization key')
    .action(async (name: string, options: Options) => {
      const parameters = readParameters(options.param ?? []);
      const answer = await callApi(
        connectionOf(options, terminal),
        'POST',
        `${actionPath(name)}?blocking=true`,
        parameters,
      );
      const { status, body } = answer;
      if (status === ACCEPTED) {
        const { activationId } = body as Activation;
        terminal.out(options.json ? JSON.stringify(body) : activationId);
        terminal.err(`It has not ended yet; its record will be at activations/${activationId}.`);
        return;
      }
      const isRecord = typeof body === 'object' && body !== null && 'activationId' in body;
      if (status !== 200 && !(ERRORS_WITH_RECORD.includes(status) && isRecord)) throw new CommandError(refusal(answer));
      if (!isRecord) {
        terminal.out(JSON.stringify(body));
        return;
      }
      print(body as Activation, options, terminal);
      if (status !== 200)
        throw new CommandError(`The activation ended with: ${(body as Activation).response.status}.`, FAILURE);
    });
}

function print(record: Activation, options: Options, terminal: Terminal): void {
  if (options.json) {
    terminal.out(JSON.stringify(record));
    return;
  }
  if (!options.result) terminal.out(`${record.activationId} ${record.response.status}, ${record.duration} ms`);
  terminal.out(JSON.stringify(record.response.result, null, 2));
}

function readParameters(list: readonly string[]): Record<string, unknown> {
  if (list.length % 2 !== 0) throw new CommandError('--param takes a name and a value.', USAGE_ERROR);
  const parameters: Record<string, unknown> = {};
  for (let i = 0; i < list.length; i += 2) parameters[list[i]!] = readValue(list[i + 1]!);
  return parameters;
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
