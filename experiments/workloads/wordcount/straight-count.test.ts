import { differences, mostFrequent, straightCount } from './straight-count.js';

describe('straight count', () => {
  it('counts words in lower case', () => {
    expect(straightCount('The whale. THE Whale, the sea')).toEqual({ words: 6, counts: { the: 3, whale: 2, sea: 1 } });
  });

  it('keeps an apostrophe inside a word and drops one at its edge', () => {
    expect(straightCount(`'tis Ahab's ship, the sailors'`).counts).toEqual({
      tis: 1,
      "ahab's": 1,
      ship: 1,
      the: 1,
      sailors: 1,
    });
  });

  it('counts words that are names of object members', () => {
    expect(straightCount('constructor constructor tostring').counts).toEqual({ constructor: 2, tostring: 1 });
  });

  it('finds nothing in an empty text', () => {
    expect(straightCount('')).toEqual({ words: 0, counts: {} });
  });
});

describe('differences', () => {
  it('are none between equal counts', () => {
    expect(differences(straightCount('a b a'), straightCount('b a a'))).toEqual([]);
  });

  it('name the word and both counts, up to a limit', () => {
    expect(differences(straightCount('a b'), straightCount('a a'))).toEqual(['a: 1, 2', 'b: 1, 0']);
    expect(differences(straightCount('a b c d'), straightCount(''), 2)).toEqual(['all words: 4, 0', 'a: 1, 0']);
  });

  it('do not take an inherited member for a count', () => {
    expect(differences(straightCount('constructor'), straightCount('x'))).toEqual(['constructor: 1, 0', 'x: 0, 1']);
  });
});

describe('most frequent words', () => {
  it('come by count, then by the alphabet', () => {
    expect(mostFrequent(straightCount('b a c b a d'), 3)).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 1],
    ]);
  });
});
