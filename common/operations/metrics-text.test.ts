import { renderedOnceASecond } from './metrics-text.js';

let now: number;
let made: number;
let fails: boolean;
let text: () => Promise<string>;
beforeEach(() => {
  now = 0;
  made = 0;
  fails = false;
  const render = (): Promise<string> => {
    made++;
    return fails ? Promise.reject(new Error('no')) : Promise.resolve(`rendering ${made}`);
  };
  text = renderedOnceASecond(render, () => now);
});

test('all who ask within a second get one rendering, and the next second another', async () => {
  const texts = await Promise.all(Array.from({ length: 100 }, text));
  now = 999;
  texts.push(await text());
  expect(new Set(texts)).toEqual(new Set(['rendering 1']));
  now = 1000;
  expect(await text()).toBe('rendering 2');
  expect(made).toBe(2);
});

test('a rendering that failed is not kept', async () => {
  fails = true;
  const failed = await Promise.allSettled([text(), text()]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await text()).toBe('rendering 2');
});
