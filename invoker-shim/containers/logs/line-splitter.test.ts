import fc from 'fast-check';
import { LineSplitter } from './line-splitter.js';

const BYTE = Buffer.from('x');

describe('lines of output', () => {
  it('are the same however the bytes arrive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 10 })),
        fc.array(fc.integer({ min: 1, max: 5 })),
        (texts, cuts) => {
          const lines = texts.map((text) => text.replaceAll('\n', ''));
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const seen: string[] = [];
          const splitter = new LineSplitter(1000, (line) => seen.push(line));
          let at = 0;
          for (const cut of cuts) splitter.push(bytes.subarray(at, (at += cut)));
          splitter.push(bytes.subarray(at));
          splitter.end();
          expect(seen).toEqual(lines);
        },
      ),
    );
  });

  it('are held in bounded pieces when they do not end', () => {
    const seen: number[] = [];
    const splitter = new LineSplitter(100, (line) => seen.push(line.length));
    for (let i = 0; i < 50; i++) splitter.push(Buffer.alloc(30, 'x'));
    expect(seen).toEqual(Array.from({ length: 14 }, () => 100));
    splitter.push(Buffer.from(`\n${'y'.repeat(250)}\n`));
    expect(seen.slice(14)).toEqual([100, 100, 100, 50]);
  });

  it('are cut between characters, and never near their end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('😀', 'a', 'é', '\n'), { maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 9 })),
        (characters, cuts) => {
          const text = characters.join('');
          const seen: string[] = [];
          const splitter = new LineSplitter(10, (line) => seen.push(line), 7);
          const bytes = Buffer.from(text);
          let at = 0;
          for (const cut of cuts) splitter.push(bytes.subarray(at, (at += cut)));
          splitter.push(bytes.subarray(at));
          splitter.end();
          expect(seen.join('')).toBe(text.replaceAll('\n', ''));
          for (const piece of seen) expect(Buffer.from(piece).toString()).toBe(piece);
          for (const line of text.split('\n').filter(({ length }) => length >= 7))
            expect(seen.some((piece) => piece.endsWith(line.slice(-6)))).toBe(true);
        },
      ),
    );
  });

  it('cost no more for each byte when they come byte by byte, however long the line is by then', () => {
    const least = (maxBytes: number): number => {
      const runs = [1, 2, 3].map(() => {
        const splitter = new LineSplitter(maxBytes, () => undefined);
        const began = process.cpuUsage();
        for (let i = 0; i < 100_000; i++) splitter.push(BYTE);
        return process.cpuUsage(began).user;
      });
      return Math.min(...runs);
    };
    least(64);
    expect(least(64 * 1024)).toBeLessThan(10 * least(64));
  });
});
