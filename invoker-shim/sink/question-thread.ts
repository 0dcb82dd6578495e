import { parentPort, workerData } from 'node:worker_threads';
import { type ClosedValue, type Encoded, type Question, answer } from './questions.js';

/** Answers one question about a large value, in a thread of its own that ends with it. */
const { closed, question } = workerData as { closed: ClosedValue; question: Question };
const found: unknown = answer(closed, question);
// What fills its memory alone is handed over; a slice of a pool is copied, once for all that are in it.
const transfer = (Array.isArray(found) ? found : [found]).flatMap((item: Partial<Encoded> | null | undefined) => {
  const { buffer, byteLength } = item?.bytes ?? {};
  return buffer !== undefined && buffer.byteLength === byteLength ? [buffer as ArrayBuffer] : [];
});
parentPort!.postMessage(found, transfer);
