import { extname } from 'node:path';
import { inspect } from 'node:util';
import minimist from 'minimist';
import { checkComposed, deployComposition } from '../client/deploy-composition.js';
import { openwhisk } from '../client/openwhisk.js';
import { askIfDataFlower, otherServerWarning } from '../client/platform.js';
import { clientOptions } from '../client/settings.js';
import type { ConductorOptions } from '../conductor/index.js';
import { version } from '../combinators/version.js';
import { readText } from '../files/index.js';
import { fqn } from '../graph/fqn.js';
import { exit, exitCode, fail, type Terminal } from './outcome.js';

const USAGE = `Usage:
  deploy composition composition.json [flags]
Flags:
  -a, --annotation KEY=VALUE        add KEY annotation with VALUE
  -A, --annotation-file KEY=FILE    add KEY annotation with FILE content
  --apihost HOST                    API HOST
  --apiversion VERSION              API VERSION
  --basic                           force basic authentication
  --bearer                          force bearer token authentication
  -i, --insecure                    bypass certificate checking
  --kind KIND                       the KIND of the conductor action runtime
  -l, --logsize LIMIT               the maximum log size LIMIT in MB for the conductor action (default 10)
  -m, --memory LIMIT                the maximum memory LIMIT in MB for the conductor action (default 256)
  -t, --timeout LIMIT               the timeout LIMIT in milliseconds for the conductor action (default 60000)
  -u, --auth KEY                    authorization KEY
  -v, --version                     output the composer version
  -w, --overwrite                   overwrite actions if already defined
  --debug LIST                      comma-separated list of debug flags
  --help                            output this text`;

interface Annotation {
  readonly key: string;
  readonly value: unknown;
}

/**
 * `deploy NAME FILE.json`: puts the output of `compose` on a server. Ends with 1 for wrong usage, 166 for a bad file or
 * annotation, 144 for a bad name, else with the status that the server answered less 256. Composer's rules of command
 * lines. Beyond them it warns about a server that cannot run the workflow.
 */
export async function deploy(args: readonly string[], terminal: Terminal): Promise<void> {
  const argv = minimist([...args], {
    // A name may look like a number.
    string: ['_', 'apihost', 'apiversion', 'auth', 'annotation', 'annotation-file', 'debug', 'kind'],
    boolean: ['insecure', 'version', 'overwrite', 'basic', 'bearer', 'help'],
    alias: {
      auth: 'u',
      insecure: 'i',
      version: 'v',
      annotation: 'a',
      'annotation-file': 'A',
      overwrite: 'w',
      timeout: 't',
      memory: 'm',
      logsize: 'l',
    },
  });
  if (argv.version || argv.help) {
    terminal.out(argv.version ? version : USAGE);
    return;
  }
  const [name, file] = argv._;
  if (name === undefined || file === undefined || argv._.length !== 2 || extname(file) !== '.json') {
    terminal.err(USAGE);
    return exit(1);
  }
  const { composed, annotations } = orFail(terminal, 422, () => ({
    composed: checkComposed(JSON.parse(readText(file))),
    annotations: readAnnotations(argv),
  }));
  const fullName = orFail(terminal, 400, () => fqn(name));
  const { wsk, limits } = orExit(terminal, () => ({ limits: readLimits(argv), wsk: client(argv) }));
  if ((await askIfDataFlower(wsk)) === false) terminal.err(otherServerWarning('composition', fullName));
  try {
    const options = { debug: argv.debug as string | undefined, kind: argv.kind as string | undefined, ...limits };
    const deployment = { ...composed, name: fullName, annotations };
    const put = await deployComposition(wsk, deployment, argv.overwrite === true, options);
    terminal.out(`ok: created action${put.length > 1 ? 's' : ''} ${put.map((action) => action.name).join(',')}`);
  } catch (error) {
    terminal.err(inspect(error));
    const status = (error as { statusCode?: unknown }).statusCode;
    return exit(exitCode(typeof status === 'number' ? status : 500));
  }
}

function orFail<T>(terminal: Terminal, status: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    return fail(terminal, error, status);
  }
}

function orExit<T>(terminal: Terminal, make: () => T): T {
  try {
    return make();
  } catch (error) {
    terminal.err(String(error));
    return exit(1);
  }
}

/** A flag that may be given several times. */
function several(flag: unknown): string[] {
  if (flag === undefined) return [];
  return (Array.isArray(flag) ? flag : [flag]).map(String);
}

function readAnnotations(argv: minimist.ParsedArgs): Annotation[] {
  const split = (text: string, what: string): [string, string] => {
    const index = text.indexOf('=');
    if (index < 0) throw new Error(`Annotation syntax must be "KEY=${what}"`);
    return [text.slice(0, index), text.slice(index + 1)];
  };
  const values = several(argv.annotation).map((text) => {
    const [key, value] = split(text, 'VALUE');
    const lower = value.toLowerCase();
    return { key, value: lower === 'true' ? true : lower };
  });
  const files = several(argv['annotation-file']).map((text) => {
    const [key, path] = split(text, 'FILE');
    return { key, value: readText(path) };
  });
  return [...values, ...files];
}

function readLimits(argv: minimist.ParsedArgs): Pick<ConductorOptions, 'timeout' | 'memory' | 'logs'> {
  if (argv.basic && argv.bearer) {
    throw new Error('Must select either basic authentication of bearer token authentication');
  }
  const number = (flag: string, what: string): number | undefined => {
    const value: unknown = argv[flag];
    if (value === undefined || typeof value === 'number') return value;
    throw new Error(`${what} must be a number`);
  };
  return {
    timeout: number('timeout', 'Timeout'),
    memory: number('memory', 'Maximum memory'),
    logs: number('logsize', 'Maximum log size'),
  };
}

function client(argv: minimist.ParsedArgs): ReturnType<typeof openwhisk> {
  const given: Record<string, unknown> = { ignore_certs: argv.insecure === true };
  if (argv.apihost) given.apihost = argv.apihost;
  if (argv.auth) given.api_key = argv.auth;
  if (argv.apiversion) given.apiversion = argv.apiversion;
  const authentication = argv.basic ? 'basic' : argv.bearer ? 'bearer' : undefined;
  return openwhisk(clientOptions(given, authentication));
}
