import { createLogger } from './log.js';
import { QuietRepeats } from './quiet-repeats.js';

function lines() {
  const texts: string[] = [];
  return {
    stream: { write: (text: string) => void texts.push(text) },
    texts,
    json: () => texts.map((text) => JSON.parse(text)),
  };
}

test('what happens thousands of times is told some twenty times in ten seconds, and then how often it was', () => {
  let now = 0;
  const repeats = new QuietRepeats(() => now);
  const told = (count: number) => Array.from({ length: count }, () => repeats.look('x')).filter((n) => n !== undefined);
  expect(told(5000)).toEqual(new Array(20).fill(0));
  expect(repeats.look('another')).toBe(0);
  now = 10_000;
  expect(told(3)).toEqual([4980, 0, 0]);
  for (let i = 0; i < 2000; i++) repeats.look(`message ${i}`);
  expect(repeats.look('x')).toBe(0);
});

test('a logger holds repeats back from info on, each message for itself', () => {
  const { stream, json } = lines();
  const log = createLogger('debug', 'shim', stream);
  for (let i = 0; i < 100; i++) {
    log.child({ host: 'a' }).warn({ i }, 'a container was stopped');
    log.debug({ i }, 'in full');
  }
  log.error(new Error('once'));
  const of = (message: string) => json().filter(({ msg }) => msg === message);
  expect(of('a container was stopped')).toHaveLength(20);
  expect(of('a container was stopped')[0]).toMatchObject({ process: 'shim', host: 'a', i: 0, level: 40 });
  expect(of('in full')).toHaveLength(100);
  expect(of('once')[0].err.message).toBe('once');
});

test('no secret is written, at whatever depth it is handed over', () => {
  const { stream, texts } = lines();
  const log = createLogger('info', 'plugin', stream);
  log.info(
    { authorization: 'Basic s3cret', headers: { authorization: 's3cret' }, a: { b: { password: 's3cret' } } },
    'x',
  );
  const error = Object.assign(new Error('refused'), { auth: 's3cret', request: { token: 's3cret' } });
  log.warn({ err: error }, 'y');
  expect(texts.join('')).not.toContain('s3cret');
  expect(texts).toHaveLength(2);
});
