/** Waits until it holds, asking again at each turn of the loop and every few milliseconds; fails after `withinMs`. */
export async function until(holds: () => unknown, withinMs = 120_000): Promise<void> {
  const endsAt = performance.now() + withinMs;
  for (;;) {
    const seen = await holds();
    if (seen !== false && seen !== undefined && seen !== null) return;
    if (performance.now() > endsAt) throw new Error(`It does not hold after ${withinMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
