/** The line after which the invoker stops reading an activation's logs. */
const MARKER = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

export function writeLine(stream: 'stdout' | 'stderr', text: string): void {
  process[stream].write(`${text}\n`);
}

/** Ends an activation's logs on both streams. */
export function writeMarkers(): void {
  writeLine('stdout', MARKER);
  writeLine('stderr', MARKER);
}
