/** One frame of a composition's environment: the variables of a `let`, or a `mask`. */
export type LetFrame = { vars: Record<string, unknown> } | { mask: true };

/**
 * The frames whose variables a function sees, innermost first: every `mask` hides the innermost `let` outside it that
 * no other mask has hidden. `frames` are given outermost first.
 */
export function visibleFrames(frames: readonly LetFrame[]): { vars: Record<string, unknown> }[] {
  const visible: { vars: Record<string, unknown> }[] = [];
  let masks = 0;
  for (let i = frames.length - 1; i >= 0; i--) {
    const frame = frames[i]!;
    if ('mask' in frame) masks++;
    else if (masks > 0) masks--;
    else visible.push(frame);
  }
  return visible;
}
