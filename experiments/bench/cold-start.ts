import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { median } from '../platform/median.js';
import type { Driver } from './arguments.js';
import { createAction } from './bench-platform.js';
import type { BenchContext } from './context.js';
import { type ColdPlatform, listenWith, type StartPhases, timed, withColdPlatform } from './cold-platform.js';
import type { Measured, Row } from './result.js';
import { alternately, runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const run = promisify(execFile);
const IMAGE = 'dataflower/action-nodejs';
/** The least that can be started: Node, and nothing in it. */
const COMMAND: Readonly<Record<Driver, readonly [string, ...string[]]>> = {
  docker: ['docker', 'run', '--rm', '--network', 'none', '--entrypoint', 'node', IMAGE, '-e', '0'],
  process: [process.execPath, '-e', '0'],
};

interface Round {
  /** In ms. */
  readonly platform: number;
  readonly raw: number;
  readonly phases: StartPhases;
}

/** One cold action, as a ratio to the start of a container of the same image that does nothing. */
export async function coldStart({ rounds, driver, say }: BenchContext): Promise<Measured> {
  const measured = async (prewarmed: number): Promise<Round[]> => {
    say(`Containers: ${driver}, ${prewarmed === 0 ? 'none' : 'one'} pre-warmed`);
    return withColdPlatform(driver, prewarmed, (platform) =>
      runRounds((n) => round(n, driver, platform), { ...rounds, listen: listenWith(driver), say }),
    );
  };
  const cold = await measured(0);
  const warm = await measured(1);
  const ratio = (found: readonly Round[]): number => median(found.map(({ platform, raw }) => platform / raw));
  const of = (found: readonly Round[], what: 'platform' | 'raw'): number => median(found.map((one) => one[what]));
  const phase = (what: keyof StartPhases): number => median(cold.map(({ phases }) => phases[what]));
  const whole = of(cold, 'platform');
  const parts = { driver: phase('driverMs'), boot: phase('bootMs'), load: phase('loadMs'), init: phase('initMs') };
  const rest = median(
    cold.map(
      ({ platform, phases: { driverMs, bootMs, loadMs, initMs } }) => platform - driverMs - bootMs - loadMs - initMs,
    ),
  );
  const { also, figure, unit, better } = targets['cold-start'];
  const ofPart = (ms: number): ReturnType<typeof withGoal> => withGoal(ms / whole, also.part);
  return {
    result: {
      ...withGoal(ratio(cold), figure),
      unit,
      better,
      baseline: { figure: of(cold, 'raw'), unit: 'ms' },
      also: {
        prewarmed: withGoal(ratio(warm), also.prewarmed),
        driverPart: ofPart(parts.driver),
        bootPart: ofPart(parts.boot),
        loadPart: ofPart(parts.load),
        initPart: ofPart(parts.init),
        restPart: ofPart(rest),
      },
      samples: cold.length,
    },
    rows: [
      { what: COMMAND[driver].join(' ').replace(process.execPath, 'node'), figure: of(cold, 'raw'), unit: 'ms' },
      { what: 'one cold action, as invoked', figure: whole, unit: 'ms' },
      { what: '— until the driver has a process', figure: parts.driver, unit: 'ms' },
      { what: '— until that has greeted: Node and its two threads', figure: parts.boot, unit: 'ms' },
      { what: '— until it was told what to run, where that was not there by then', figure: parts.load, unit: 'ms' },
      { what: '— until the action’s code was loaded', figure: parts.init, unit: 'ms' },
      { what: '— the rest: REST, engine, the run, its record', figure: rest, unit: 'ms' },
      { what: 'one action from a pre-warmed container, as invoked', figure: of(warm, 'platform'), unit: 'ms' },
    ] satisfies Row[],
    notes: ['"…Part" are parts of one cold action, from 0 to 1.'],
  };
}

async function round(number: number, driver: Driver, coldPlatform: ColdPlatform): Promise<Round> {
  const { platform } = coldPlatform;
  const name = coldPlatform.newName();
  await createAction(platform, 'noop', name);
  await coldPlatform.cold();
  const [program, ...args] = COMMAND[driver];
  // As containers get it: what the caller's environment has Node do at its start is not the platform's.
  const { PATH, HOME, DOCKER_HOST } = process.env;
  const env = { PATH, HOME, ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }) };
  const started = coldPlatform.nextStart();
  const [action, raw] = await alternately(
    number,
    () => timed(() => platform.invoke(name, {})),
    () => timed(() => run(program, args, { env })),
  );
  return { platform: action.ms, raw: raw.ms, phases: await started };
}
