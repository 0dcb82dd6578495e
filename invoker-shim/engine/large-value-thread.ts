import { parentPort, workerData } from 'node:worker_threads';
import { type LargeWork, answerOf } from './large-value.js';

/** One large value, in a thread of its own that ends with it. */
const answer = answerOf(workerData as LargeWork);
const items = 'items' in answer ? answer.items : undefined;
parentPort!.postMessage(answer, items === undefined ? [] : [items.bytes.buffer as ArrayBuffer]);
