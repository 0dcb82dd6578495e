import { Throttles } from './throttles.js';

const LIMITS = { invocationsPerMinute: 2, concurrentInvocations: 2, firesPerMinute: 1, queuedActivations: 3 };

test('calls count in the minute of the clock, refused ones too, each namespace for itself', () => {
  let now = 59_000;
  const throttles = new Throttles(LIMITS, () => now);
  throttles.countCall('a');
  throttles.countCall('a');
  expect(() => throttles.countCall('a')).toThrow('Too many requests in the last minute (count: 3, allowed: 2).');
  expect(() => throttles.countCall('a')).toThrow('(count: 4, allowed: 2)');
  throttles.countCall('b');
  now = 60_000;
  throttles.countCall('a');
});

test('what runs at once is bound for a namespace and in all', () => {
  const throttles = new Throttles({ ...LIMITS, invocationsPerMinute: 100 }, () => 0);
  throttles.start('a');
  throttles.start('a');
  expect(() => throttles.countCall('a')).toThrow('Too many concurrent requests in flight (count: 2, allowed: 2).');
  expect(() => throttles.start('a')).toThrow('Too many concurrent requests in flight');
  throttles.start('b');
  expect(() => throttles.countCall('c')).toThrow(/^Too many requests$/);
  throttles.ended('a');
  throttles.countCall('c');
  throttles.start('a');
});

test('no namespace fills alone what all share: another’s call is taken, and they share evenly', () => {
  const limits = { invocationsPerMinute: 1e6, concurrentInvocations: 1e6, firesPerMinute: 1, queuedActivations: 100 };
  const throttles = new Throttles(limits, () => 0);
  const fill = (namespace: string): number => {
    for (let count = 0; ; count++) {
      try {
        throttles.start(namespace);
      } catch {
        return count;
      }
    }
  };
  expect(fill('a')).toBe(90);
  expect(() => throttles.countCall('a')).toThrow('Too many concurrent requests in flight (count: 90, allowed: 90).');
  throttles.countCall('b');
  expect(fill('b')).toBe(9);
  expect(() => throttles.start('a')).toThrow('(count: 90, allowed: 81)');
  expect(fill('c')).toBe(1);
  expect(() => throttles.start('d')).toThrow(/^Too many requests$/);
  // Freed room goes to the namespace that has less.
  for (let i = 0; i < 60; i++) throttles.ended('a');
  expect(fill('b')).toBeGreaterThan(30);
});
