import { parentPort, workerData } from 'node:worker_threads';
import { type BodyWork, doBodyWork } from './body-work.js';

/** Entry point of a thread that reads one large body and ends. */
const result = doBodyWork(workerData as BodyWork);
const bytes = result.type === 'entity' ? result.code?.bytes : result.type === 'payload' ? result.bytes : undefined;
parentPort!.postMessage(result, bytes === undefined ? [] : [bytes.buffer as ArrayBuffer]);
