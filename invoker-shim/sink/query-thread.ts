import { parentPort, workerData } from 'node:worker_threads';
import { type ClosedValue, type Encoded, type ValueQuery, evaluateQuery } from './value-query.js';

/** Evaluates one query to a large value, in a thread of its own that ends with it. */
const { closed, query } = workerData as { closed: ClosedValue; query: ValueQuery };
const found: unknown = evaluateQuery(closed, query);
// A buffer with memory of its own is transferred; a slice of a pool is copied, once for all slices of the pool.
const transfer = (Array.isArray(found) ? found : [found]).flatMap((item: Partial<Encoded> | null | undefined) => {
  const { buffer, byteLength } = item?.bytes ?? {};
  return buffer !== undefined && buffer.byteLength === byteLength ? [buffer as ArrayBuffer] : [];
});
parentPort!.postMessage(found, transfer);
