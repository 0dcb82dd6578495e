/** Tells on standard error what goes on: the line is rewritten when done on a terminal, in a pipe each is printed once. */
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
