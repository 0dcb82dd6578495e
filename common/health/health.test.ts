import { TestClock } from '../testing/test-clock.js';
import { Health } from './health.js';

test('a process is as well as the worst of its parts, and every reason is told', async () => {
  const health = new Health();
  expect(await health.report()).toEqual({ status: 'ready', reasons: [] });
  const away = { severity: 'degraded', reason: 'CouchDB has not answered for 12 s' } as const;
  const repaired = health.register('records', () => away);
  health.register('containers', () => undefined);
  expect(await health.report()).toEqual({ status: 'degraded', reasons: [{ check: 'records', ...away }] });
  const lost = { severity: 'unready', reason: 'no host is connected' } as const;
  health.register('hosts', () => Promise.resolve(lost));
  expect(await health.report()).toEqual({
    status: 'unready',
    reasons: [
      { check: 'records', ...away },
      { check: 'hosts', ...lost },
    ],
  });
  repaired();
  expect((await health.report()).reasons).toHaveLength(1);
  expect(() => health.register('hosts', () => undefined)).toThrow('"hosts"');
});

test('a check that throws or never answers is trouble itself, and what it threw goes to the log alone', async () => {
  const clock = new TestClock();
  const heard: unknown[] = [];
  const health = new Health({ clock, timeoutMs: 100, onError: (check, error) => heard.push([check, error]) });
  const error = new Error('password=secret');
  health.register('throws', () => {
    throw error;
  });
  health.register('rejects', () => Promise.reject(error));
  health.register('hangs', () => new Promise(() => undefined));
  const asked = health.report();
  await Promise.resolve();
  clock.advance(100);
  const { status, reasons } = await asked;
  expect(status).toBe('unready');
  expect(reasons.map(({ check }) => check)).toEqual(['throws', 'rejects', 'hangs']);
  expect(JSON.stringify(reasons)).not.toContain('secret');
  expect(heard).toEqual([
    ['throws', error],
    ['rejects', error],
  ]);
  expect(clock.timers).toBe(0);
});

test('however many ask at once, the checks run once, and a reason is no longer than a reader can use', async () => {
  let runs = 0;
  const health = new Health();
  health.register('slow', async () => {
    runs++;
    await Promise.resolve();
    return { severity: 'degraded', reason: 'x'.repeat(10_000) };
  });
  const reports = await Promise.all(Array.from({ length: 100 }, () => health.report()));
  expect(runs).toBe(1);
  expect(reports[99]!.reasons[0]!.reason).toHaveLength(500);
  await health.report();
  expect(runs).toBe(2);
});
