import { encodeValue } from '@dataflower/action-runtime/protocol';
import type { DataSink, Value } from '../sink/value.js';

/** OpenWhisk's texts for failures around a run; its activation records show them to the user. */
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
  protocolBroken: (detail: string): string => `The container of the action was stopped: ${detail}.`,
  logsNotCollected: 'There was an issue while collecting your logs. Data might be missing.',
  invalidRun: (body: string): string =>
    `The action did not produce a valid JSON or JSON Array response${afterColon(body)}`,
  invalidInit: (body: string): string => `The action failed during initialization${afterColon(body)}`,
  responseTooLong: (bytes: number, limitBytes: number, beginning: string): string =>
    `The action produced a response that exceeded the allowed length: ${bytes} > ${limitBytes} bytes. The truncated response was: ${beginning}`,
  logsTruncated: (limitBytes: number): string =>
    `Logs were truncated because the total bytes size exceeds the limit of ${limitBytes} bytes.`,
} as const;

function afterColon(text: string): string {
  return text === '' ? '.' : `: ${text}`;
}

/** `{error: text}` as a value in the sink; the caller owns it. */
export function errorValue(sink: DataSink, text: string): Value {
  const { segments, shape } = encodeValue({ error: text });
  return sink.put(segments[0] as Buffer, shape);
}
