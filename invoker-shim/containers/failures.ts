import { encodeValue } from '@dataflower/action-runtime/protocol';
import type { DataSink, Value } from '../sink/value.js';

/** OpenWhisk's texts for what goes wrong around a run (its activation records show them to the user). */
export const FailureText = {
  runDied: 'The action did not produce a valid response and exited unexpectedly.',
  initDied: 'The action did not initialize and exited unexpectedly.',
  outOfMemory: 'The action exhausted its memory and was aborted.',
  noContainer: 'Failed to provision resources to run the action.',
  notFetched: 'Action could not be fetched.',
  logsMayMiss: 'The action did not initialize or run as expected. Log data might be missing.',
  timeLimit: (limitMs: number): string => `The action exceeded its time limits of ${limitMs} milliseconds.`,
  initTimeLimit: (limitMs: number): string =>
    `The action exceeded its time limits of ${limitMs} milliseconds during initialization.`,
  logsTruncated: (limitBytes: number): string =>
    `Logs were truncated because the total bytes size exceeds the limit of ${limitBytes} bytes.`,
} as const;

/** `{error: text}` as a value in the sink; the caller owns it. */
export function errorValue(sink: DataSink, text: string): Value {
  const { segments, shape } = encodeValue({ error: text });
  return sink.put(segments[0] as Buffer, shape);
}
