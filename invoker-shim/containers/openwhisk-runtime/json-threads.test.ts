import { JsonThreads } from './json-threads.js';
import type { JsonWork } from './json-work.js';

const never = new AbortController().signal;
const answer = (text: string): JsonWork & { type: 'result' } => ({
  type: 'result',
  status: 200,
  kindAndBody: Buffer.from(`\0${text}`),
});
const large = (text: string): ReturnType<typeof answer> => answer(`{"text":"${text.repeat(300_000)}"}`);

test('small and large work have the same result', async () => {
  const threads = new JsonThreads();
  for (const text of ['{"a":1}', '{"error":{"a":1},"more":2}', '[1]', '7', 'none'])
    for (const pad of ['', ' '.repeat(200_000)]) {
      const { outcome, shape, value } = await threads.do(answer(`${text}${pad}`), never);
      const said = Buffer.from(value).toString('utf8', 1).trimEnd();
      const errors = { '7': '7', none: 'none' }[text];
      if (errors === undefined) expect(said).toBe(text.startsWith('{"e') ? '{"error":{"a":1}}' : text);
      else expect(said).toContain(`valid JSON or JSON Array response: ${errors}`);
      expect([outcome, shape > 0]).toEqual([{ '{': text.includes('error') ? 1 : 0, '[': 0 }[text[0]!] ?? 2, true]);
    }
});

test('work that needs more memory than it may have fails alone', async () => {
  const threads = new JsonThreads(32);
  const [bomb, well] = await Promise.allSettled([
    threads.do(answer(`[${'[],'.repeat(3_000_000)}0]`), never),
    threads.do(large('a'), never),
  ]);
  expect(bomb).toMatchObject({ status: 'rejected', reason: { code: 'ERR_WORKER_OUT_OF_MEMORY' } });
  expect(well).toMatchObject({ status: 'fulfilled', value: { outcome: 0 } });
});

test('aborted work is stopped, and waiting work continues', async () => {
  const threads = new JsonThreads();
  const stop = new AbortController();
  const gone = Array.from({ length: 4 }, () => threads.do(large('b'), stop.signal));
  const stays = threads.do(large('c'), never);
  stop.abort(new Error('not wanted'));
  for (const end of await Promise.allSettled(gone)) expect(end).toMatchObject({ reason: { message: 'not wanted' } });
  expect(await stays).toMatchObject({ outcome: 0 });
});
