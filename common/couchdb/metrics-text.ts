/** One line of Prometheus' text: name with labels, value, optional time. */
const SAMPLE = /^([a-zA-Z_:][\w:]*(?:\{.*\})?)\s+(\S+)(?:\s+-?\d+)?\s*$/;

/**
 * The first `most` samples of Prometheus' text by name and labels; `left`: the number of further ones. Samples that are
 * infinite or not a number are skipped, since JSON has no form for them.
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
