import { median } from '../platform/median.js';
import { withPlatform } from './bench-platform.js';
import { createSameChains, PAYLOAD } from './chains.js';
import { startChild } from './child.js';
import type { BenchContext } from './context.js';
import { HttpConnection, medianResponseMicros, postRequest, requestRate } from './http-client.js';
import { coreOf, pin, type Placement } from './placement.js';
import type { Measured, Row } from './result.js';
import { alternately, runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const CLIENTS = 32;
const CALLS = 1500;
const DURATION_MS = 1000;

interface Server {
  readonly p50: number;
  readonly rate: number;
  readonly count: number;
}

interface InvokeRound {
  readonly platform: Server;
  readonly echo: Server;
}

/** A blocking call of a no-op over REST, beside an HTTP server that only gives the body back. */
export async function invoke({ rounds, say }: BenchContext): Promise<Measured> {
  const found: Record<Placement, InvokeRound[]> = { C: [], S: [] };
  for (const placement of ['C', 'S'] as const) {
    say(`Placement ${placement}`);
    found[placement] = await measure(placement, rounds, say);
  }
  const of = (placement: Placement, side: keyof InvokeRound, what: 'p50' | 'rate'): number =>
    median(found[placement].map((round) => round[side][what]));
  const ratio = (placement: Placement, what: 'p50' | 'rate'): number =>
    median(found[placement].map(({ platform, echo }) => platform[what] / echo[what]));
  return {
    result: {
      ...withGoal(ratio('C', 'p50'), targets.invoke.figure),
      unit: targets.invoke.unit,
      better: targets.invoke.better,
      baseline: { figure: of('C', 'echo', 'p50'), unit: 'µs' },
      also: { rate: withGoal(ratio('C', 'rate'), targets.invoke.also.rate) },
      samples: found.C.length * CALLS,
    },
    rows: (['C', 'S'] as const).flatMap((placement): Row[] => [
      { what: `${placement}: HTTP echo, p50`, figure: of(placement, 'echo', 'p50'), unit: 'µs' },
      { what: `${placement}: invocation, p50`, figure: of(placement, 'platform', 'p50'), unit: 'µs' },
      { what: `${placement}:   to the echo`, figure: ratio(placement, 'p50'), unit: '×' },
      { what: `${placement}: HTTP echo, 32 clients`, figure: of(placement, 'echo', 'rate'), unit: 'a second' },
      { what: `${placement}: invocations, 32 clients`, figure: of(placement, 'platform', 'rate'), unit: 'a second' },
      { what: `${placement}:   to the echo`, figure: ratio(placement, 'rate'), unit: '×' },
    ]),
    notes: [],
  };
}

async function measure(
  placement: Placement,
  rounds: BenchContext['rounds'],
  say: BenchContext['say'],
): Promise<InvokeRound[]> {
  pin(process.pid, coreOf.client[placement]);
  const echo = await startChild('http-echo.js', [], coreOf.platform[placement]);
  const echoUrl = new URL(`http://127.0.0.1:${(echo.ready as { port: number }).port}`);
  const toEcho = await Promise.all(Array.from({ length: CLIENTS }, () => HttpConnection.open(echoUrl)));
  try {
    return await withPlatform(placement, {}, async (platform) => {
      await createSameChains(platform);
      const toPlatform = await Promise.all(Array.from({ length: CLIENTS }, () => platform.connect()));
      const serve = async (connections: readonly HttpConnection[], request: Buffer): Promise<Server> => {
        const p50 = await medianResponseMicros(connections[0]!, request, CALLS);
        const { perSecond, count } = await requestRate(connections, request, DURATION_MS);
        return { p50, rate: perSecond, count };
      };
      const round = async (number: number): Promise<InvokeRound> => {
        const path = '/api/v1/namespaces/_/actions/noop?blocking=true&result=true';
        const [ofPlatform, ofEcho] = await alternately(
          number,
          () => serve(toPlatform, platform.invocation('noop', PAYLOAD)),
          () => serve(toEcho, postRequest(echoUrl, path, {}, JSON.stringify(PAYLOAD))),
        );
        platform.expectRecords(CALLS + ofPlatform.count, 1);
        return { platform: ofPlatform, echo: ofEcho };
      };
      return runRounds(round, { ...rounds, settle: () => platform.pins.pinNew(), say });
    });
  } finally {
    for (const connection of toEcho) connection.close();
    await echo.stop();
  }
}
