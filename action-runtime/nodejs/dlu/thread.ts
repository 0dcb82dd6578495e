import { stat } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { DluData } from '../bridge/messages.js';
import { startDlu } from './start.js';

/** The program of the DLU's thread. `stat` starts libuv's thread pool now, before the process lowers its priority. */
stat('/', () => undefined);
void startDlu(workerData as DluData);
