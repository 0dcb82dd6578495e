import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from '@dataflower/action-runtime/crc32';
import type { ActivationRecord } from '../record/record.js';
import { encodeFrame } from '../record/record-codec.js';
import type { RecordLog } from '../log/record-log-options.js';
import { type SegmentFiles, segmentFiles } from '../log/segment.js';

/** A directory for the log of one test. */
export function temporaryDirectory(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'record-log-test-'));
}

/** 32 hex digits of a number. */
export function idOf(number: number): string {
  return (
    Math.imul(number + 1, 0x9e3779b1)
      .toString(16)
      .replace('-', '')
      .padStart(16, '0') + number.toString(16).padStart(16, '0')
  );
}

export function recordOf(number: number, changes: Partial<ActivationRecord> = {}): ActivationRecord {
  return {
    activationId: idOf(number),
    namespace: 'guest',
    subject: 'guest',
    name: 'hello',
    version: '0.0.1',
    start: 4_000_000_000_000 + number,
    end: 4_000_000_000_005 + number,
    duration: 5,
    status: 0,
    result: `{"number":${number}}`,
    size: 12,
    logs: [],
    annotations: {
      path: 'guest/hello',
      kind: 'nodejs:20',
      limits: { timeout: 60000, memory: 256, logs: 10, concurrency: 1 },
    },
    ...changes,
  };
}

/** Resolves once everything appended so far is in the files. */
export function written(log: RecordLog): Promise<void> {
  return new Promise((resolve, reject) => {
    log.written((error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

/** A segment as releases until 0.1 wrote it, from batches of records. */
export function batchesSegment(batches: readonly (readonly ActivationRecord[])[]): Buffer {
  const parts = batches.map((batch) => {
    const frames = Buffer.concat(batch.map(encodeFrame));
    const commit = Buffer.alloc(8, 0xff);
    commit.writeUInt32LE(crc32(frames), 4);
    return Buffer.concat([frames, commit]);
  });
  return Buffer.concat([Buffer.from('DFRECS1\n'), ...parts]);
}

/** Segment files on a disk that may be full: it takes `room` bytes and no more. */
export class SmallDisk implements SegmentFiles {
  room = Infinity;
  writes = 0;

  open(file: string): number {
    return segmentFiles.open(file);
  }

  write(fd: number, buffers: readonly Uint8Array[], position: number): number {
    this.writes++;
    const bytes = Buffer.concat(buffers);
    const taken = Math.min(bytes.length, this.room);
    if (taken === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    this.room -= taken;
    return segmentFiles.write(fd, [bytes.subarray(0, taken)], position);
  }

  close(fd: number): void {
    segmentFiles.close(fd);
  }
}
