/** Turns of the event loop while work runs, and its result. The turns are counted no longer when the work fails. */
export async function turnsDuring<T>(
  work: () => T | Promise<T>,
): Promise<{ readonly result: T; readonly turns: number }> {
  let turns = 0;
  let turn = setImmediate(function count() {
    turns++;
    turn = setImmediate(count);
  });
  try {
    const result = await work();
    return { result, turns };
  } finally {
    clearImmediate(turn);
  }
}
