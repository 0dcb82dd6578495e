import { END_MARK_TAIL } from '@dataflower/action-runtime/protocol';
import { MAX_OUTPUT_LINE_CHARS, type OutputHandler } from '../drivers/driver.js';
import { LineSplitter } from './line-splitter.js';
import type { OutputPace } from './output-pace.js';

/** Makes the lines of a container's streams, at its pace. An end mark is in one piece with the end of the line before it. */
export function outputLines(pace: OutputPace, onOutput: OutputHandler): Record<'stdout' | 'stderr', LineSplitter> {
  const lines = (name: 'stdout' | 'stderr'): LineSplitter => {
    const take = (line: string): void => {
      pace.line();
      onOutput(name, line);
    };
    return new LineSplitter(MAX_OUTPUT_LINE_CHARS, take, END_MARK_TAIL);
  };
  return { stdout: lines('stdout'), stderr: lines('stderr') };
}
