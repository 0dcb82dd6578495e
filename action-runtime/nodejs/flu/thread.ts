import { setPriority } from 'node:os';
import { workerData } from 'node:worker_threads';
import type { ThreadData } from '../bridge/messages.js';
import { startFlu } from './start.js';
import { ThreadTransport } from './thread-transport.js';

/**
 * The FLU's thread. It runs at a lower priority than the DLU's, so that data moves while functions burn every core;
 * where that is refused both are equal.
 */
const data = workerData as ThreadData;
try {
  setPriority(0, 10);
} catch {
  // Not permitted here.
}
const transport = new ThreadTransport(data);
await startFlu(data.config, transport);
