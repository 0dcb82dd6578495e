import v8 from 'node:v8';
import vm from 'node:vm';
import { MAX_ENVIRONMENT_BYTES } from '@dataflower/action-runtime/protocol';
import { Environment, afterStep } from './environment.js';

const frames = (text: string | undefined): unknown => JSON.parse(text ?? 'null');
const nested = (count: number): Environment => {
  let environment: Environment | null = null;
  for (let i = 0; i < count; i++) environment = Environment.inside(environment, JSON.stringify({ vars: { i } }));
  return environment!;
};

test('an environment is the JSON array of its frames, the outermost first', () => {
  expect(frames(nested(3).text)).toEqual([{ vars: { i: 0 } }, { vars: { i: 1 } }, { vars: { i: 2 } }]);
});

test('its outermost frames are the environment that they were, and none is null', () => {
  const inner = nested(3);
  expect(frames(inner.truncated(2)?.text)).toEqual([{ vars: { i: 0 } }, { vars: { i: 1 } }]);
  expect(inner.truncated(3)).toBe(inner);
  expect(inner.truncated(9)).toBe(inner);
  expect(inner.truncated(0)).toBeNull();
});

test('one that came back from a function step takes frames and gives them up as any other', () => {
  const returned = Environment.from(afterStep(nested(2), '[{"vars":{"i":7}},{"mask":true}]')!);
  expect(returned?.depth).toBe(2);
  const inner = Environment.inside(returned, '{"vars":{"x":1}}');
  expect(frames(inner.text)).toEqual([{ vars: { i: 7 } }, { mask: true }, { vars: { x: 1 } }]);
  expect(inner.truncated(2)).toBe(returned);
  expect(frames(inner.truncated(1)?.text)).toEqual([{ vars: { i: 7 } }]);
});

test('one that a function step did not change, or that it has spoiled, stays the object that it was', () => {
  const before = nested(2);
  for (const returned of [null, before.text, '[]', '[1,2]', 'nonsense'])
    expect(afterStep(before, returned)).toBe(before);
});

test('what a function step gives back has as many frames as it was given, each of which is one', () => {
  const before = nested(2);
  const after = '[{"vars":{"x":"],[{"}},{"mask":true}]';
  expect(afterStep(before, after)!.text).toBe(after);
  for (const wrong of [
    '[{"vars":{}}]',
    `[${after}]`,
    `${after} `,
    after.replace('true', ''),
    after.replace('{"mask":true}', '1'),
  ])
    expect(afterStep(before, wrong)).toBe(before);
});

test('one that a function step gives back is taken up to its limit; one that is too large is none', () => {
  const most = `[{"vars":{"x":"${'y'.repeat(MAX_ENVIRONMENT_BYTES - '[{"vars":{"x":""}}]'.length)}"}}]`;
  expect(afterStep(nested(1), most)!.text).toBe(most);
  expect(afterStep(nested(1), most.replace('y', 'yy'))).toBeUndefined();
});

test('one that was made to be large when it is parsed is taken without that', () => {
  const hostile = `[{"vars":{"x":[${'[],'.repeat(300_000)}[]]}}]`;
  const before = nested(1);
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  /** Bytes of what it gives, which is held meanwhile. */
  const kept = (work: () => unknown): number => {
    collect();
    const heap = process.memoryUsage().heapUsed;
    const given = work();
    collect();
    const bytes = process.memoryUsage().heapUsed - heap;
    expect(given).toBeDefined();
    return bytes;
  };
  expect(kept(() => afterStep(before, hostile))).toBeLessThan(kept(() => JSON.parse(hostile)) / 3);
  expect(afterStep(before, hostile)!.depth).toBe(1);
});

test('thousands of instances inside a large environment hold its frames once, each with frames of its own', () => {
  const large = Environment.inside(null, JSON.stringify({ vars: { text: 'x'.repeat(900_000) } }));
  const before = process.memoryUsage().heapUsed;
  const all = Array.from({ length: 6000 }, () => Environment.inside(large, '{"vars":{"own":1}}'));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * large.text.length);
  expect(all.every((one) => one.truncated(1) === large)).toBe(true);
});
