import { parseArgs } from 'node:util';
import { UsageError } from '../platform/usage-error.js';
import { ROUNDS } from './rounds.js';
import { type BenchName, targets } from './targets.js';

/** What the platform's containers are. */
export type Driver = 'process' | 'docker';

export interface BenchArguments {
  readonly json: boolean;
  readonly help: boolean;
  readonly anyNoise: boolean;
  readonly rounds: number;
  readonly driver: Driver;
  readonly name?: BenchName;
}

const names = Object.keys(targets);

/** What they are about is outside the containers. */
const PROCESS_ONLY: readonly BenchName[] = ['overlap', 'fanout', 'invoke', 'records', 'hostile-input'];

export const USAGE = `usage: npm run bench -- NAME [--json] [--driver D] [--rounds N] [--any-noise]

Measures the platform on this machine beside a raw baseline. NAME is one of:
  hop          what one more step of a chain costs
  throughput   steps a second with 32 clients
  pass         64 MiB from function to function
  overlap      a consumer's start while its producer burns the CPU
  fanout       what one more item of a scatter costs
  invoke       a blocking call over REST
  cold-chain   a chain of five actions that have no container yet
  cold-start   one action that has no container yet
  records      response times at a fixed rate, records in CouchDB
  hostile-input  the longest pause while one user sends what is to trouble nobody else
  idle         the CPU of a platform that has nothing to do

  --json        print one JSON object on standard output, everything else goes to standard error
  --driver D    what containers are: process or docker (default docker for cold-start, else process);
                not for ${PROCESS_ONLY.join(', ')}
                hop, throughput and pass with docker also tell what they cost beside process
  --rounds N    rounds that count, ${ROUNDS} at least unless --any-noise is given (default ${ROUNDS})
  --any-noise   measure on a busy machine too; for trying out, the figures mean nothing
  --help        print this

Exit code 0 when measured, whether a target is met or not; 3 when the machine was too busy with other things;
1 when something failed; 2 for wrong arguments. What is measured and what not: experiments/bench/README.md`;

export function parseBenchArguments(args: readonly string[]): BenchArguments {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        'any-noise': { type: 'boolean', default: false },
        driver: { type: 'string' },
        rounds: { type: 'string', default: String(ROUNDS) },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [name] = positionals;
  const anyNoise = values['any-noise'];
  const rounds = Number(values.rounds);
  const driver = values.driver ?? (name === 'cold-start' ? 'docker' : 'process');
  if (driver !== 'process' && driver !== 'docker') {
    throw new UsageError(`--driver takes process or docker, not "${driver}".`);
  }
  const options: BenchArguments = { json: values.json, help: values.help, anyNoise, rounds, driver };
  if (values.help) return options;
  if (!Number.isInteger(rounds) || rounds < (anyNoise ? 1 : ROUNDS) || rounds > 1000) {
    throw new UsageError(
      `--rounds takes a whole number from ${anyNoise ? 1 : ROUNDS} to 1000, not "${values.rounds}".`,
    );
  }
  if (positionals.length !== 1 || !names.includes(name!)) {
    const problem = name === undefined ? 'Which bench?' : `There is no bench "${positionals.join(' ')}".`;
    throw new UsageError(`${problem} Give one of ${names.join(', ')}.`);
  }
  if (driver === 'docker' && PROCESS_ONLY.includes(name as BenchName)) {
    throw new UsageError(`--driver docker is not for ${PROCESS_ONLY.join(', ')}.`);
  }
  return { ...options, name: name as BenchName };
}
