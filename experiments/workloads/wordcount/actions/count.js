/** Counts the words of one part, `text` (bytes or a string): the words in one string and their counts in the same order. */
function main({ text }) {
  const counts = new Map();
  for (const word of text
    .toString()
    .toLowerCase()
    .match(/[a-z]+(?:'[a-z]+)?/g) ?? []) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return { words: [...counts.keys()].join(' '), counts: [...counts.values()] };
}
