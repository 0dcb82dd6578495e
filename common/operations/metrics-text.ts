import { performance } from 'node:perf_hooks';

/** Time for which one rendering serves all requests, in ms. */
const FRESH_MS = 1000;

/**
 * The metrics as text, rendered once a second at most: rendering takes milliseconds, and everybody who reaches the port may
 * ask. A rendering that fails is not kept.
 *
 * @param now The monotonic clock, in milliseconds.
 */
export function renderedOnceASecond(
  render: () => Promise<string>,
  now: () => number = () => performance.now(),
): () => Promise<string> {
  let shared: { readonly at: number; readonly text: Promise<string> } | undefined;
  return () => {
    if (shared !== undefined && now() - shared.at < FRESH_MS) return shared.text;
    const rendering = { at: now(), text: render() };
    shared = rendering;
    rendering.text.catch(() => {
      if (shared === rendering) shared = undefined;
    });
    return rendering.text;
  };
}
