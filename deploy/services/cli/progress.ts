const TICK_MS = 500;
const CLEAR_LINE = '\r\x1b[2K';

/** Where progress goes: a terminal shows one line that changes, a pipe gets nothing until there is a result. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Does something that takes its time and shows what it is at and since when. */
export async function withProgress<T>(
  title: string,
  output: ProgressOutput,
  work: (progress: (text: string) => void) => Promise<T>,
): Promise<T> {
  if (output.isTTY !== true) return work(() => undefined);
  const started = Date.now();
  let doing = 'starting';
  const show = (): void => {
    output.write(`${CLEAR_LINE}${title}: ${doing} … ${Math.round((Date.now() - started) / 1000)} s`);
  };
  const timer = setInterval(show, TICK_MS);
  try {
    return await work((text) => {
      doing = text;
      show();
    });
  } finally {
    clearInterval(timer);
    output.write(CLEAR_LINE);
  }
}
