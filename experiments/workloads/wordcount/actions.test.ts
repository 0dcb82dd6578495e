import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { actionFile } from './archive.js';
import { defaultLibrary, libraryIn, wholeText } from './books.js';
import { differences, straightCount, type WordCount } from './straight-count.js';

type Action = (params: unknown, context?: unknown) => unknown;
interface Part {
  readonly text: Buffer | string;
}

const require = createRequire(import.meta.url);
const load = (name: string): { main: Action } =>
  require(fileURLToPath(new URL(`../../../workloads/wordcount/actions/${name}`, import.meta.url)));
const plain = (name: string): Action => runInNewContext(`${actionFile(name).toString()}; main`, { Map, Object, Array });

const split = async (params: object): Promise<Part[]> => {
  const parts: Part[] = [];
  await load('split.js').main(params, { emit: (_port: string, part: Part) => Promise.resolve(parts.push(part)) });
  return parts;
};
const mergeAll = (parts: readonly Part[], wrap: (list: unknown[]) => unknown): WordCount =>
  plain('merge.js')(wrap(parts.map((part) => plain('count.js')(part)))) as WordCount;

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'wordcount-'))));
afterEach(() => rmSync(folder, { recursive: true }));

describe('word count actions', () => {
  it('agree with the straight count on a whole book, on ports', async () => {
    const text = wholeText(defaultLibrary());
    const parts = await split({ text });
    expect(parts.length).toBeGreaterThan(10);
    expect(parts.every((part) => Buffer.isBuffer(part.text))).toBe(true);
    expect(
      differences(
        mergeAll(parts, (list) => list),
        straightCount(text),
      ),
    ).toEqual([]);
  });

  it('agree with the straight count as a map, with text in place of bytes', async () => {
    const text = wholeText(defaultLibrary());
    const { value } = (await load('split-list.js').main({ text })) as { value: Part[] };
    expect(value.every((part) => typeof part.text === 'string')).toBe(true);
    expect(
      differences(
        mergeAll(value, (list) => ({ value: list })),
        straightCount(text),
      ),
    ).toEqual([]);
  });

  it('cut no word and no character in two, whatever the size of a part', async () => {
    const text = `Ünïcödé — it's the whale’s\nsea ${'x'.repeat(50)} end`;
    for (let partBytes = 1; partBytes < 80; partBytes++) {
      const parts = await split({ text, partBytes });
      expect(Buffer.concat(parts.map((part) => part.text as Buffer)).toString()).toBe(text);
      expect(
        differences(
          mergeAll(parts, (list) => list),
          straightCount(text),
        ),
      ).toEqual([]);
    }
  });

  it('read the .txt files of a folder, the last word of one apart from the first of the next', async () => {
    writeFileSync(join(folder, 'a.txt'), 'the white');
    writeFileSync(join(folder, 'b.txt'), 'whale');
    writeFileSync(join(folder, 'c.md'), 'not this');
    const count = mergeAll(await split({ dir: folder }), (list) => list);
    expect(count).toEqual({ words: 3, counts: { the: 1, whale: 1, white: 1 } });
    expect(differences(count, straightCount(wholeText(libraryIn(folder))))).toEqual([]);
  });

  it('count nothing in nothing', async () => {
    expect(await split({ text: '' })).toEqual([]);
    expect(plain('merge.js')([])).toEqual({ words: 0, counts: {} });
    expect(plain('count.js')({ text: '' })).toEqual({ words: '', counts: [] });
    expect(plain('merge.js')([{ words: '', counts: [] }])).toEqual({ words: 0, counts: {} });
  });

  it('say what they need where there is no data flow', async () => {
    expect(await load('split.js').main({ text: 'a' })).toEqual({ error: expect.stringContaining('split-list') });
  });

  it('pass on the error of a part', () => {
    expect(plain('merge.js')({ value: [{ error: 'no memory' }] })).toEqual({ error: 'no memory' });
  });
});

describe('a folder without books', () => {
  it('is refused with what to do', () => {
    expect(() => libraryIn(folder)).toThrow(/no \.txt file .* give a folder/);
    expect(() => libraryIn(join(folder, 'none'))).toThrow(/not a folder/);
  });
});
