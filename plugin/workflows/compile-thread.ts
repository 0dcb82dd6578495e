import { parentPort, workerData } from 'node:worker_threads';
import { type CompileWorkText, compileText } from './compile.js';

/** One large workflow, in a thread of its own that ends with it. */
parentPort!.postMessage(compileText(workerData as CompileWorkText));
