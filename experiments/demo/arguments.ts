import { parseArgs } from 'node:util';
import { UsageError } from '../platform/usage-error.js';

export interface DemoArguments {
  readonly json: boolean;
  readonly help: boolean;
  /** A folder of .txt files instead of the book. */
  readonly input?: string;
  /** A running platform, instead of one that the demo starts. */
  readonly server?: { readonly url: string; readonly authorization: string };
}

export const USAGE = `usage: npm run demo -- [--json] [--input DIR] [--apihost URL --auth KEY]

Starts the platform, deploys word count as a workflow of three functions, runs it on a whole book by data flow,
checks the result against a direct count and shows the run as a time line.

  --input DIR     count the .txt files of this folder instead (also: DATAFLOWER_INPUTS)
  --apihost URL   use the platform that runs there, with the key of --auth, instead of starting one; its
                  actions wordcount, wordcount-split, wordcount-count and wordcount-merge are overwritten
  --auth KEY      the authorization key there, as the server prints it
  --json          print one JSON object on standard output, everything else goes to standard error
  --help          print this

Exit code 0 when the counts agree, 1 when they do not or something fails, 2 for wrong arguments.`;

export function parseDemoArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): DemoArguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        input: { type: 'string' },
        apihost: { type: 'string' },
        auth: { type: 'string' },
      },
    });
    const input = values.input ?? environment['DATAFLOWER_INPUTS'];
    return {
      json: values.json,
      help: values.help,
      ...(input === undefined || input === '' ? {} : { input }),
      ...serverOf(values.apihost, values.auth),
    };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function serverOf(apihost: string | undefined, authorization: string | undefined): Pick<DemoArguments, 'server'> {
  if (apihost === undefined && authorization === undefined) return {};
  if (apihost === undefined || authorization === undefined) throw new Error('--apihost and --auth go together.');
  if (!/^https?:\/\//.test(apihost) || !URL.canParse(apihost)) throw new Error(`--apihost ${apihost} is no http URL.`);
  return { server: { url: apihost.replace(/\/+$/, ''), authorization } };
}
