import fc from 'fast-check';
import { type Release, releaseOnce } from '../stores/entity-store.js';
import { TargetCodes } from './target-codes.js';

/** A store that counts what it holds, and where each hold is there at once, later, never or fails. */
class CountingStore {
  readonly held = new Map<string, number>();
  asked = 0;
  behaviour: (revision: string) => 'now' | 'later' | 'gone' | 'goneLater' | 'fails' | 'failsLater' = () => 'now';

  readonly hold = ({ revision }: { revision: string }): Release | undefined | Promise<Release | undefined> => {
    this.asked++;
    const release = (): Release => {
      this.held.set(revision, (this.held.get(revision) ?? 0) + 1);
      return releaseOnce(() => this.held.set(revision, this.held.get(revision)! - 1));
    };
    switch (this.behaviour(revision)) {
      case 'now':
        return release();
      case 'later':
        return new Promise((resolve) => setImmediate(() => resolve(release())));
      case 'gone':
        return undefined;
      case 'goneLater':
        return Promise.resolve(undefined);
      case 'fails':
        throw new Error('away');
      case 'failsLater':
        return Promise.reject(new Error('away'));
    }
  };

  get total(): number {
    return [...this.held.values()].reduce((sum, one) => sum + one, 0);
  }
}

const codes = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ documentId: 'ns/a', revision: String(at) }));

test('the first activation holds all, those after it only count, and the last one lets go', () => {
  const store = new CountingStore();
  const target = new TargetCodes(codes(5), store.hold);
  const releases = Array.from({ length: 100 }, () => target.hold() as Release);
  expect([store.asked, store.total]).toEqual([5, 5]);
  for (const release of releases.slice(1)) release();
  releases[5]!();
  expect(store.total).toBe(5);
  releases[0]!();
  expect(store.total).toBe(0);
});

test('a target without stored code asks nobody', () => {
  const store = new CountingStore();
  (new TargetCodes([], store.hold).hold() as Release)();
  expect(store.asked).toBe(0);
});

test.each(['gone', 'goneLater', 'fails', 'failsLater'] as const)('one that %s leaves nothing held', async (what) => {
  const store = new CountingStore();
  store.behaviour = (revision) => (revision === '3' ? what : revision === '1' ? 'later' : 'now');
  const target = new TargetCodes(codes(5), store.hold);
  const attempts = await Promise.allSettled(Array.from({ length: 5 }, async () => target.hold()));
  const failed = what.startsWith('fails');
  for (const attempt of attempts) expect(attempt.status).toBe(failed ? 'rejected' : 'fulfilled');
  expect(store.total).toBe(0);
  store.behaviour = () => 'later';
  ((await target.hold()) as Release)();
  expect(store.total).toBe(0);
});

test('in whatever order activations begin, fail and end: those that run hold all, and at the end nothing is held', async () => {
  const behaviours = ['now', 'now', 'later', 'later', 'gone', 'goneLater', 'fails', 'failsLater'] as const;
  const step = fc.record({ op: fc.constantFrom('begin', 'end', 'turn'), which: fc.nat() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.array(fc.constantFrom(...behaviours), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, script, size) => {
        const store = new CountingStore();
        store.behaviour = () => script[store.asked % script.length]!;
        const target = new TargetCodes(codes(size), store.hold);
        const running: Release[] = [];
        const begins: Promise<void>[] = [];
        const begin = async (): Promise<void> => {
          const release = await target.hold();
          if (release !== undefined) running.push(release);
        };
        for (const { op, which } of steps) {
          if (op === 'begin') begins.push(begin().catch(() => undefined));
          else if (op === 'turn') await new Promise((resolve) => setImmediate(resolve));
          else if (running.length > 0) running.splice(which % running.length, 1)[0]!();
          if (running.length > 0) expect([...store.held.values()].filter((count) => count === 1)).toHaveLength(size);
        }
        await Promise.all(begins);
        for (const release of running) release();
        expect(store.total).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});
