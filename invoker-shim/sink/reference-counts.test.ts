import fc from 'fast-check';
import { type Value, createDataSink } from './index.js';

/** The next step of a random holder; numbers choose among the values held. */
type Step =
  | { readonly do: 'put'; readonly size: number }
  | { readonly do: 'retain' | 'release' | 'wait' | 'use'; readonly at: number }
  | { readonly do: 'list' | 'record'; readonly at: readonly number[] }
  | { readonly do: 'turn' };

const at = fc.nat({ max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('put' as const), size: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ do: fc.constantFrom('retain' as const, 'release' as const, 'wait' as const, 'use' as const), at }),
  fc.record({ do: fc.constantFrom('list' as const, 'record' as const), at: fc.array(at, { maxLength: 4 }) }),
  fc.record({ do: fc.constant('turn' as const) }),
);

describe('whatever holders do with their references', () => {
  it('bytes are resident or spilled while somebody holds them, and gone afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 200 }),
        async (steps, limitBytes) => {
          const sink = createDataSink({ limitBytes, handoverDir: false });
          /** One entry per reference that we own. */
          const held: Value[] = [];
          /** Bytes of the leaves that are reachable from what we hold. */
          const reachable = (): number => {
            const leaves = new Set<Value>();
            const visit = (value: Value): void => {
              const { members } = value;
              if (members?.kind === 'list') members.items.forEach(visit);
              else if (members?.kind === 'record') members.entries.forEach(([, item]) => visit(item));
              else leaves.add(value);
            };
            held.forEach(visit);
            return [...leaves].reduce((sum, leaf) => sum + leaf.size, 0);
          };
          const take = (index: number): Value | undefined =>
            held.length === 0 ? undefined : held.splice(index % held.length, 1)[0];
          for (const next of steps) {
            switch (next.do) {
              case 'put':
                held.push(sink.put(Buffer.alloc(next.size), 0));
                break;
              case 'turn':
                await new Promise(setImmediate);
                break;
              case 'list':
              case 'record': {
                const items = next.at.map(take).filter((item) => item !== undefined);
                held.push(next.do === 'list' ? sink.list(items) : sink.record(items.map((item, i) => [`m${i}`, item])));
                break;
              }
              default: {
                const value = held[next.at % Math.max(1, held.length)];
                if (value === undefined) break;
                if (next.do === 'retain') {
                  value.retain();
                  held.push(value);
                } else if (next.do === 'release') {
                  take(next.at)!.release();
                } else {
                  value.setWaiting(next.do === 'wait');
                }
              }
            }
            expect(sink.residentBytes + sink.metrics.spilledBytes).toBe(reachable());
          }
          for (const value of held) value.release();
          expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0, spilledBytes: 0 });
          await sink.close();
        },
      ),
      { numRuns: 150 },
    );
  });
});
