/** Resolves when the condition holds; looks at it once a turn of the loop. Rejects after `limitMs`. */
export async function until(condition: () => boolean, what = condition.toString(), limitMs = 120_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
