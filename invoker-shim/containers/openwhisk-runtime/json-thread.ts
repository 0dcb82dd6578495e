import { parentPort, workerData } from 'node:worker_threads';
import { type JsonWork, doJsonWork } from './json-work.js';

/** The program of a thread that does one piece of work and ends. */
const result = doJsonWork(workerData as JsonWork);
const { buffer } = 'value' in result ? result.value : result;
parentPort!.postMessage(result, [buffer as ArrayBuffer]);
