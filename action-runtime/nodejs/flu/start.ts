import { setPriority, tmpdir } from 'node:os';
import { MessageChannel, Worker } from 'node:worker_threads';
import { HELD_AREA_BYTES, createCells } from '../bridge/cells.js';
import { logForOperator } from '../bridge/process-streams.js';
import type { DluData } from '../bridge/messages.js';
import { Flu } from './flu.js';
import { exposeGc } from './expose-gc.js';
import { ThreadTransport } from './thread-transport.js';

/** Nice value of the function's thread. The DLU's thread keeps the normal priority, so that data moves while functions use every core. */
const NICE = 10;

/**
 * Starts the DLU in a thread of its own, and the FLU on this thread, the main one: to user code the process is an ordinary
 * Node program.
 *
 * @param directory Folder for unpacked code. Default: the system's temporary directory.
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
  // Without the DLU no result can be sent.
  dlu.on('error', (error) => logForOperator(error.stack ?? error.message));
  dlu.on('exit', () => flu.onExit(1));
  lowerPriority();
  exposeGc();
}

/** Lowers the priority of the calling thread and of all threads and processes that it starts from now on, where permitted. */
function lowerPriority(): void {
  try {
    setPriority(0, NICE);
  } catch {
    // Not permitted here.
  }
}
