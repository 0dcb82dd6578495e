import { setPriority, tmpdir } from 'node:os';
import { MessageChannel, Worker } from 'node:worker_threads';
import { HELD_AREA_BYTES, createCells } from '../bridge/cells.js';
import { complain } from '../bridge/complain.js';
import type { DluData } from '../bridge/messages.js';
import { Flu } from './flu.js';
import { offerCollection } from './expose-gc.js';
import { ThreadTransport } from './thread-transport.js';

/** Of the function's thread. Data moves while functions burn every core, because the DLU's thread has a better one. */
const NICE = 10;

/**
 * Starts the DLU in a thread of its own and makes this thread, the process's main one, the FLU: to user code it is an
 * ordinary Node program.
 *
 * @param directory Where the runtime keeps what it unpacks. Default: the system's temporary directory.
 */
export function startFlu(address: string, token: string, directory: string = tmpdir()): void {
  const { port1, port2 } = new MessageChannel();
  const [cells, held] = [createCells(), new SharedArrayBuffer(HELD_AREA_BYTES)];
  const workerData: DluData = { port: port2, cells, held, address, token, directory };
  const dlu = new Worker(new URL('../dlu/thread.js', import.meta.url), {
    workerData,
    transferList: [port2],
    argv: [],
    execArgv: [],
    env: {},
    stdout: true,
    stderr: true,
  });
  const flu = new Flu(new ThreadTransport(cells, held, port1));
  // Without its DLU nothing can be sent any more.
  dlu.on('error', (error) => complain(error.stack ?? error.message));
  dlu.on('exit', () => flu.onExit(1));
  lowerPriority();
  offerCollection();
}

/** Of the calling thread and of all that it starts from now on. Where that is refused it stays as it is. */
function lowerPriority(): void {
  try {
    setPriority(0, NICE);
  } catch {
    // Not permitted here.
  }
}
