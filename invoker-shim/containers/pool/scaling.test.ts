import { type FunctionLoad, Scaling } from './scaling.js';

describe('how many containers a function gets', () => {
  const scaling = (starting = 0): Scaling => {
    const made = new Scaling({ cores: 4, maxContainersPerKey: 8 });
    made.starting = starting;
    return made;
  };
  const load = (of: Partial<FunctionLoad>): FunctionLoad => ({
    waiting: 1,
    coming: 0,
    capacity: 1,
    typicalMs: undefined,
    leastAgeMs: () => Infinity,
    ...of,
  });

  it.each<[string, boolean, Partial<FunctionLoad>, number?]>([
    ['a first one for a run that waits, whatever else starts', true, { capacity: 0, typicalMs: 1 }, 4],
    ['none while those that come are as many as the runs', false, { waiting: 2, coming: 2, capacity: 0 }],
    ['one a core before the first result', true, { capacity: 3 }],
    ['no more than cores before the first result', false, { capacity: 4 }],
    ['more than cores when the runs turn out long', true, { capacity: 4, leastAgeMs: () => 120 }],
    ['one more for work that takes long', true, { waiting: 3, capacity: 1, typicalMs: 10 }],
    ['none for work that is done sooner than one starts', false, { waiting: 2, capacity: 1, typicalMs: 10 }],
    ['none while as many start as there are cores', false, { waiting: 9, typicalMs: 50 }, 4],
    ['one more of a short function than others need', true, { waiting: 100, capacity: 3, typicalMs: 1 }],
    ['no more than cores of a short function', false, { waiting: 900, capacity: 4, typicalMs: 1 }],
  ])('%s', (_, wants, of, starting = 0) => {
    expect(scaling(starting).wantsMore(load(of))).toBe(wants);
  });

  it('never more than its bound', () => {
    expect([scaling().isFull(7), scaling().isFull(8)]).toEqual([false, true]);
  });

  it('for expected runs: one each of a long function up to the cores, one of any other', () => {
    expect([3, 9].map((count) => scaling().expectedContainers(count, 30))).toEqual([3, 4]);
    expect([undefined, 29].map((typical) => scaling().expectedContainers(3, typical))).toEqual([1, 1]);
  });
});
