/** Reports progress on standard error: a terminal's line is rewritten at the end, a pipe gets one line for each step. */
export async function progress<T>(text: string, work: () => Promise<T>): Promise<T> {
  const { stderr } = process;
  const started = performance.now();
  stderr.write(stderr.isTTY ? `${text} …` : `${text} …\n`);
  try {
    const value = await work();
    if (stderr.isTTY) stderr.write(`\r${text}, ${((performance.now() - started) / 1000).toFixed(1)} s.\n`);
    return value;
  } catch (error) {
    if (stderr.isTTY) stderr.write('\n');
    throw error;
  }
}
