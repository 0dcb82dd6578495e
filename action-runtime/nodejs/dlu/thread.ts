import { stat } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { DluData } from '../bridge/messages.js';
import { startDlu } from './start.js';

/** The DLU's thread. The pool that its file accesses share is made now, while nothing runs at the function's priority. */
stat('/', () => undefined);
void startDlu(workerData as DluData);
