/** The result of a word count. */
export interface WordCount {
  /** How many words there are in all. */
  readonly words: number;
  /** By word, in lower case. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Counts directly, in one go: what every workflow has to agree with. A word is letters from a to z, in lower case,
 * with at most one apostrophe inside.
 */
export function straightCount(text: string): WordCount {
  const counts = new Map<string, number>();
  let words = 0;
  for (const [word] of text.toLowerCase().matchAll(/[a-z]+(?:'[a-z]+)?/g)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
    words++;
  }
  return { words, counts: Object.fromEntries(counts) };
}

/** Where two counts differ: `word: count in a, count in b`, at most `limit` of them; none when they agree. */
export function differences(a: WordCount, b: WordCount, limit = 5): string[] {
  const found = [...new Set([...Object.keys(a.counts), ...Object.keys(b.counts)])]
    .filter((word) => own(a.counts, word) !== own(b.counts, word))
    .map((word) => `${word}: ${own(a.counts, word)}, ${own(b.counts, word)}`);
  if (a.words !== b.words) found.unshift(`all words: ${a.words}, ${b.words}`);
  return found.slice(0, limit);
}

/** The most frequent words, the first first; equal ones by the alphabet. */
export function mostFrequent(count: WordCount, limit: number): [word: string, count: number][] {
  return Object.entries(count.counts)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, limit);
}

function own(counts: Readonly<Record<string, number>>, word: string): number {
  return Object.hasOwn(counts, word) ? counts[word]! : 0;
}
