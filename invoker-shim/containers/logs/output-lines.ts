import { END_MARK_TAIL } from '@dataflower/action-runtime/protocol';
import { LineSplitter } from './line-splitter.js';
import type { OutputPace } from './output-pace.js';

/** Receives a container's own stdout and stderr, line by line; a long line in pieces of `MAX_OUTPUT_LINE_CHARS`. */
export type OutputHandler = (stream: 'stdout' | 'stderr', line: string) => void;

/**
 * A longer line of output comes in several pieces, in characters: it bounds the memory for a line that never ends.
 * OpenWhisk has lines of 16 KiB, the pieces in which Docker keeps them.
 */
export const MAX_OUTPUT_LINE_CHARS = 64 * 1024;

/** Splits a container's streams into lines, at its pace. An end mark is in one piece with the end of the line before it. */
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
