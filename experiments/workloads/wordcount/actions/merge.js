/**
 * Adds the counts of all parts up. They come as a list: alone when a LIST port gathers them, in `value` from Composer's
 * `map`. Gives the number of words and the counts, the most frequent word first.
 */
function main(params) {
  const counts = new Map();
  let total = 0;
  for (const part of Array.isArray(params) ? params : params.value) {
    if (part.error !== undefined) return { error: part.error };
    const words = part.words === '' ? [] : part.words.split(' ');
    words.forEach((word, i) => {
      counts.set(word, (counts.get(word) ?? 0) + part.counts[i]);
      total += part.counts[i];
    });
  }
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return { words: total, counts: Object.fromEntries(sorted) };
}
