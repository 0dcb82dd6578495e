import { cpus } from 'node:os';
import { UsageError } from '../platform/usage-error.js';
import { endOnSignals, isEnding } from '../platform/cleanup.js';
import { type BenchArguments, parseBenchArguments, USAGE } from './arguments.js';
import { coldChain } from './cold-chain.js';
import { coldStart } from './cold-start.js';
import type { BenchContext } from './context.js';
import { fanout } from './fanout.js';
import { hop } from './hop.js';
import { hostileInput } from './hostile-input.js';
import { idle } from './idle.js';
import { invoke } from './invoke.js';
import { thisMachine } from './machine.js';
import { overlap } from './overlap.js';
import { pass } from './pass.js';
import { records } from './records.js';
import { report } from './report.js';
import { type BenchResult, type Figure, type Measured, rounded } from './result.js';
import { Refused } from './rounds.js';
import type { BenchName } from './targets.js';
import { throughput } from './throughput.js';

const benches: Record<BenchName, (context: BenchContext) => Promise<Measured>> = {
  hop,
  throughput,
  pass,
  overlap,
  fanout,
  invoke,
  'cold-chain': coldChain,
  'cold-start': coldStart,
  records,
  'hostile-input': hostileInput,
  idle,
};

const REFUSED = 3;

async function bench(name: BenchName, { json, anyNoise, rounds, driver }: BenchArguments): Promise<number> {
  if (process.platform !== 'linux' || cpus().length < 2) {
    throw new UsageError('The benches pin processes to two cores, which takes Linux and at least two cores.');
  }
  const context: BenchContext = {
    rounds: { anyNoise, rounds },
    driver,
    say: (text) => process.stderr.write(`${text}\n`),
  };
  let measured: Measured;
  try {
    measured = await benches[name](context);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    process.stdout.write(json ? `${JSON.stringify({ name, refused: error.message })}\n` : `${error.message}\n`);
    return REFUSED;
  }
  const result: BenchResult = { name, ...roundFigures(measured.result), machine: thisMachine() };
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : report(name, result, measured));
  return 0;
}

function roundFigures<T extends Measured['result']>(result: T): T {
  const round = <F extends { readonly figure: number }>(value: F): F => ({ ...value, figure: rounded(value.figure) });
  const also = Object.entries<Figure>(result.also).map(([key, value]) => [key, round(value)]);
  return { ...round(result), baseline: round(result.baseline), also: Object.fromEntries(also) as T['also'] };
}

async function main(): Promise<number> {
  const args = parseBenchArguments(process.argv.slice(2));
  if (args.name !== undefined) return bench(args.name, args);
  process.stdout.write(`${USAGE}\n`);
  return 0;
}

endOnSignals();
main().then(
  (code) => (isEnding() ? undefined : process.exit(code)),
  (error: unknown) => {
    if (isEnding()) return;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
