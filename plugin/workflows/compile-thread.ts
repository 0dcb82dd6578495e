import { parentPort, workerData } from 'node:worker_threads';
import { type CompileWorkText, compileText } from './compile.js';

/** Entry point of a thread that compiles one large workflow and ends. */
parentPort!.postMessage(compileText(workerData as CompileWorkText));
