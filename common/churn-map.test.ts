import v8 from 'node:v8';
import vm from 'node:vm';
import fc from 'fast-check';
import { ChurnMap } from './churn-map.js';

test('it is a map, in order of insertion, however often entries come and go', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), (alive) => {
      const map = new ChurnMap<number, string>();
      const model = new Map<number, string>();
      for (let key = 0; key < 5000; key++) {
        map.set(key, `v${key}`);
        model.set(key, `v${key}`);
        if (map.delete(key - alive) !== model.delete(key - alive)) throw new Error(`${key - alive} was not deleted`);
      }
      expect(map.size).toBe(model.size);
      expect([...map.values()]).toEqual([...model.values()]);
      for (const key of [0, 2500, 4999]) expect(map.get(key)).toBe(model.get(key));
    }),
    { numRuns: 20 },
  );
});

test('what has gone is collected by minor garbage collections, also after the table has been promoted', () => {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc') as (options?: { type: 'minor' }) => void;
  const map = new ChurnMap<number, number[]>();
  map.set(-1, []);
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let key = 0; key < 50_000; key++) {
    map.set(key, new Array<number>(20).fill(key));
    map.delete(key - 16);
    if (key % 1000 === 0) gc({ type: 'minor' });
  }
  gc({ type: 'minor' });
  // A Map keeps all that it held: some 9 MB.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(3_000_000);
});
