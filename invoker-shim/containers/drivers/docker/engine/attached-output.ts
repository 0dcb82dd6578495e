import type { Duplex } from 'node:stream';
import type { Clock } from '@dataflower/common';
import type { OutputHandler } from '../../driver.js';
import type { LineSplitter } from '../../../logs/line-splitter.js';
import { outputLines } from '../../../logs/output-lines.js';
import { OutputPace } from '../../../logs/output-pace.js';

/** Header of the engine's frames on an attached stream: stream (1 byte), unused (3), length (4). */
const HEADER_BYTES = 8;
const STDERR = 2;

/** Decodes the engine's frames of an attached container and delivers its stdout and stderr as bounded lines. */
export class AttachedOutput {
  /** Resolves once, when the stream has ended. */
  readonly ended: Promise<void>;
  readonly #pace: OutputPace;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #stream: 'stdout' | 'stderr' = 'stdout';
  /** Bytes of the frame's payload that are still to come. */
  #left = 0;
  readonly #lines: Record<'stdout' | 'stderr', LineSplitter>;

  readonly #socket: Duplex;

  constructor(socket: Duplex, onOutput: OutputHandler, clock: Clock) {
    this.#socket = socket;

    this.#pace = new OutputPace(clock, (paused) => {
      if (paused) socket.pause();
      else socket.resume();
    });
    this.#lines = outputLines(this.#pace, onOutput);
    this.ended = new Promise((resolve) => {
      socket.on('data', (chunk: Buffer) => this.#push(chunk));
      socket.on('end', () => socket.destroy());
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#lines.stdout.end();
        this.#lines.stderr.end();
        this.#pace.end();
        resolve();
      });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #push(chunk: Buffer): void {
    this.#pace.read(chunk.length);
    for (let at = 0; at < chunk.length;) {
      if (this.#left === 0) {
        const taken = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length - at);
        chunk.copy(this.#header, this.#headerBytes, at, at + taken);
        this.#headerBytes += taken;
        at += taken;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#stream = this.#header[0] === STDERR ? 'stderr' : 'stdout';
        this.#left = this.#header.readUInt32BE(4);
      } else {
        const part = chunk.subarray(at, at + this.#left);
        this.#lines[this.#stream].push(part);
        this.#left -= part.length;
        at += part.length;
      }
    }
  }
}
