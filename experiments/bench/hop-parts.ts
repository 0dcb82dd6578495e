import {
  decodeResult,
  decodeRun,
  decodeValue,
  encodeResult,
  encodeRun,
  encodeValue,
  HEADER_BYTES,
  Outcome,
} from '@dataflower/action-runtime/protocol';
import { type ActivationRecord, createRecordLog } from '@dataflower/common/records';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { median } from '../platform/median.js';
import { PAYLOAD } from './chains.js';
import type { Row } from './result.js';

const REPEATS = 7;
const CALLS = 3000;

/** Where the time of a hop goes: its parts, measured one by one with the modules that the platform uses. In microseconds. */
export async function hopParts(socket: number, one: number, hop: number): Promise<Row[]> {
  const thread = await threadMicros();
  const encode = encodeMicros();
  const records = await recordMicros();
  const rest = hop - socket - encode - records;
  return [
    { what: 'part of a hop: socket, a raw round trip', figure: socket, unit: 'µs' },
    { what: 'part of a hop: encode and decode, RUN and RESULT', figure: encode, unit: 'µs' },
    { what: 'part of a hop: one activation record', figure: records, unit: 'µs' },
    { what: 'part of a hop: engine and queues, what is left', figure: rest, unit: 'µs' },
    { what: 'spared a small hop: to another thread and back', figure: thread, unit: 'µs' },
    { what: 'once an invocation: REST and the workflow itself', figure: one - hop, unit: 'µs' },
  ];
}

/** A message to a worker thread and its answer. */
async function threadMicros(): Promise<number> {
  const worker = new Worker(
    "const { parentPort } = require('node:worker_threads'); parentPort.on('message', (m) => parentPort.postMessage(m));",
    { eval: true },
  );
  const text = JSON.stringify(PAYLOAD);
  const once = (): Promise<number> =>
    new Promise((resolve) => {
      let left = CALLS;
      const started = process.hrtime.bigint();
      const onMessage = (): void => {
        if (--left > 0) {
          worker.postMessage(text);
          return;
        }
        worker.off('message', onMessage);
        resolve(Number(process.hrtime.bigint() - started) / 1000 / CALLS);
      };
      worker.on('message', onMessage);
      worker.postMessage(text);
    });
  const found: number[] = [];
  while (found.length < REPEATS) found.push(await once());
  await worker.terminate();
  return median(found);
}

/** The work of both sides on the bytes of one run: value and frame, there and back. */
function encodeMicros(): number {
  const activationId = Buffer.alloc(16, 1);
  const run = (): void => {
    const input = Buffer.concat(encodeValue(PAYLOAD).segments);
    const slots = [{ where: 'inline', bytes: input }] as const;
    const head = { invocationId: 1, activationId, deadline: 1e12, definition: 0, transactionId: 'x'.repeat(32) };
    const sent = encodeRun({ ...head, slots, hasEnv: false });
    const got = decodeRun(0, 1, sent.subarray(HEADER_BYTES)).slots[0]!;
    const value = got.where === 'inline' ? decodeValue(got.bytes) : undefined;
    const { segments, shape } = encodeValue(value);
    const result = [{ where: 'inline', bytes: Buffer.concat(segments) }] as const;
    const outcome = { invocationId: 1, outcome: Outcome.OK, shape, startedNext: 0 };
    decodeResult(0, 1, encodeResult({ ...outcome, slots: result, hasEnv: false }).subarray(HEADER_BYTES));
  };
  const found = Array.from({ length: REPEATS }, () => {
    const started = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) run();
    return Number(process.hrtime.bigint() - started) / 1000 / CALLS;
  });
  return median(found);
}

/** Records as a chain of ten leaves them, ten and their workflow's at a time, until they are written. */
async function recordMicros(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'));
  const log = await createRecordLog({ dir });
  let id = 0;
  const chain = (): Promise<void> =>
    new Promise((resolve, reject) => {
      for (let i = 0; i < 11; i++) log.append(record((id++).toString(16).padStart(32, '0')));
      log.written((error) => (error === undefined ? resolve() : reject(error)));
    });
  const found: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < CALLS / 10; i++) await chain();
    found.push(Number(process.hrtime.bigint() - started) / 1000 / CALLS);
  }
  await log.close();
  rmSync(dir, { recursive: true, force: true });
  return median(found);
}

function record(activationId: string): ActivationRecord {
  const limits = { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 };
  const times = {
    queued: 1e12,
    started: 1e12,
    firstOutput: 1e12,
    ended: 1e12,
    lastByte: 1e12,
    bytesIn: 192,
    bytesOut: 192,
  };
  const dataflow = { node: 'noop', tag: [], ...times, host: 'host0', container: 'c1', coldStart: false };
  const annotations = {
    path: 'guest/noop',
    waitTime: 1,
    kind: 'nodejs:20',
    timeout: false,
    limits,
    causedBy: 'sequence',
  };
  return {
    activationId,
    namespace: 'guest',
    subject: 'guest',
    name: 'noop',
    version: '0.0.1',
    cause: 'f'.repeat(32),
    start: 1e12,
    end: 1e12 + 1,
    duration: 1,
    status: 0,
    result: JSON.stringify(PAYLOAD),
    size: 192,
    logs: [],
    annotations: { ...annotations, dataflow },
  };
}
