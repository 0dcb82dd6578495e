import { parentPort, workerData } from 'node:worker_threads';
import { type JsonWork, doJsonWork } from './json-work.js';

/** One piece of large work, in a thread of its own that ends with it. */
const result = doJsonWork(workerData as JsonWork);
const { buffer } = 'value' in result ? result.value : result;
parentPort!.postMessage(result, [buffer as ArrayBuffer]);
