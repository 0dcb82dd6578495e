/** One line of Prometheus' text: name with labels, value, perhaps a time. */
const SAMPLE = /^([a-zA-Z_:][\w:]*(?:\{.*\})?)\s+(\S+)(?:\s+-?\d+)?\s*$/;

/**
 * The samples of Prometheus' text by name and labels, the first `most` of them; `left` says how many more there were.
 * JSON has no infinite and no missing numbers: such samples do not count.
 */
export function samplesOf(text: string, most: number): { samples: Record<string, number>; left: number } {
  const samples: Record<string, number> = {};
  let kept = 0;
  let left = 0;
  for (const line of text.split('\n')) {
    const [, name, value] = SAMPLE.exec(line) ?? [];
    const number = Number(value);
    if (name === undefined || !Number.isFinite(number)) continue;
    if (kept === most) {
      left++;
    } else {
      samples[name] = number;
      kept++;
    }
  }
  return { samples, left };
}
