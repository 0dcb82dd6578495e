import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadConfig, ThreadData } from '../bridge/messages.js';
import { startFlu } from './start.js';
import { ThreadTransport } from './thread-transport.js';

/**
 * The FLU's thread. It runs at a lower priority than the DLU's, so that data moves while functions burn every core;
 * where that is refused both are equal. It starts before it is known what it will run.
 */
try {
  setPriority(0, 10);
} catch {
  // Not permitted here.
}
const transport = new ThreadTransport(workerData as ThreadData);
// Begun before the action's code can run.
const channel = transport.open();
parentPort!.once('message', ({ config, env }: ThreadConfig) => {
  Object.assign(process.env, env);
  void startFlu(config, transport, channel);
});
