import { cpuTicks, noiseBetween } from './noise.js';
import { alternately, MAX_DISCARDED, Refused, runRounds, WARM_UPS, inTurns } from './rounds.js';

const quiet = () => () => 0;

describe('rounds', () => {
  it('do not count the warm-ups', async () => {
    let calls = 0;
    const found = await runRounds(() => Promise.resolve(calls++), { rounds: 3, listen: quiet });
    expect(found).toEqual([WARM_UPS, WARM_UPS + 1, WARM_UPS + 2]);
  });

  it('discard a noisy round and run it again', async () => {
    const noise = [0, 0.31, 0.3];
    let calls = 0;
    const found = await runRounds(() => Promise.resolve(calls++ - WARM_UPS), {
      rounds: 2,
      listen: () => () => noise.shift()!,
    });
    expect(found).toEqual([0, 2]);
  });

  it('discard a round in which something had to settle', async () => {
    const settles = [false, false, false, true, false, false];
    let calls = 0;
    const settle = () => settles.shift()!;
    const found = await runRounds(() => Promise.resolve(calls++ - WARM_UPS), { rounds: 1, listen: quiet, settle });
    expect(found).toEqual([1]);
  });

  it('refuse a machine that stays noisy', async () => {
    let calls = 0;
    const measure = () => Promise.resolve(calls++);
    await expect(runRounds(measure, { listen: () => () => 1 })).rejects.toThrow(Refused);
    expect(calls).toBe(WARM_UPS + MAX_DISCARDED);
  });

  it('take a noisy round when told to', async () => {
    const found = await runRounds(() => Promise.resolve(1), { rounds: 2, anyNoise: true, listen: () => () => 1 });
    expect(found).toEqual([1, 1]);
  });

  it('alternate between platform and baseline', async () => {
    const order: string[] = [];
    const call = (name: string) => () => Promise.resolve(order.push(name));
    await alternately(0, call('p'), call('b'));
    const [platform] = await alternately(1, call('p'), call('b'));
    expect(order).toEqual(['p', 'b', 'b', 'p']);
    expect(platform).toBe(4);
  });
});

it('takes turns at going first', async () => {
  const order: string[] = [];
  const call = (name: string) => () => Promise.resolve(order.push(name));
  const found = await inTurns(0, { a: call('a'), b: call('b'), c: call('c') });
  await inTurns(2, { a: call('a'), b: call('b'), c: call('c') });
  expect(order).toEqual(['a', 'b', 'c', 'c', 'a', 'b']);
  expect(found).toEqual({ a: 1, b: 2, c: 3 });
});

describe('noise', () => {
  it('is what others used and what was stolen, in cores', () => {
    const own = (...ticks: [number, number][]): Map<number, number> => new Map(ticks);
    const before = { at: 1000, busy: 500, steal: 5, own: own([1, 100], [2, 1000]) };
    expect(noiseBetween(before, { at: 3000, busy: 700, steal: 15, own: own([1, 270], [2, 1000]) })).toBeCloseTo(0.2);
    expect(noiseBetween(before, { at: 3000, busy: 600, steal: 5, own: own([1, 210], [2, 1000]) })).toBe(0);
    // One helper is gone, and one has come.
    expect(noiseBetween(before, { at: 3000, busy: 700, steal: 15, own: own([1, 240], [3, 30]) })).toBeCloseTo(0.2);
  });

  it('is read from the line of all cores', () => {
    expect(cpuTicks('cpu  10 2 30 400 5 6 7 8 0 0\ncpu0 1 1 1')).toEqual({ busy: 42, steal: 8 });
  });
});
