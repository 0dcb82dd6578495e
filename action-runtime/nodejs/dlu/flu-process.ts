import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Claim, RUNNING, TAKEN_RUNS, claimCell } from '../bridge/cells.js';
import type { FluConfig, FromFlu, RunWithBuffers, ToFlu } from '../bridge/messages.js';
import { STARTED_NEXT_AT, packedId } from '../bridge/packed-run.js';
import { FrameType } from '../../protocol/index.js';
import type { FluEvents, FluLink } from './flu-link.js';

/** Size of a page in /proc/PID/statm, in bytes. */
const PAGE_BYTES = 4096;
/** Longer variables are set in the process: no operating system takes one of more than 128 KiB for the start of one. */
const MAX_VARIABLE_CHARS = 16 * 1024;

/**
 * A FLU in a process of its own, for code whose native addon refuses to load in a thread. The process knows one run at
 * a time: claiming, and announcing the next run in a result, is done here on its behalf.
 */
export class FluProcess implements FluLink {
  readonly #child: ChildProcess;
  readonly #queue: (string | RunWithBuffers)[] = [];
  #taken = 0;
  #runningId = 0;

  constructor(
    config: FluConfig,
    env: NodeJS.ProcessEnv,
    private readonly cells: Int32Array,
    private readonly events: FluEvents,
  ) {
    const [short, long] = byLength(env);
    this.#child = fork(fileURLToPath(new URL('../flu/process.js', import.meta.url)), [], {
      serialization: 'advanced',
      env: short,
      execArgv: [`--max-old-space-size=${config.init.memoryMiB}`],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.send({ type: 'config', config, env: long });
    this.#child.on('message', (message: FromFlu) => this.#receive(message));
    this.#child.on('exit', (_code, signal) => events.onExit({ outOfMemory: signal === 'SIGABRT' }));
    this.#child.on('error', (error) => events.onExit({ outOfMemory: false, error }));
    process.on('exit', () => this.#child.kill('SIGKILL'));
  }

  post(message: ToFlu): void {
    if (typeof message === 'string') this.#queue.push(message);
    else if (Array.isArray(message)) this.#queue.push(...(message as readonly string[]));
    else if ((message as RunWithBuffers).type === 'run') this.#queue.push(message as RunWithBuffers);
    else this.#child.send(message);
    if (this.#runningId === 0) this.#dispatch(this.#take());
  }

  terminate(): void {
    this.#child.kill('SIGKILL');
  }

  residentBytes(): number {
    try {
      return Number(readFileSync(`/proc/${this.#child.pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
    } catch {
      return 0;
    }
  }

  #receive(message: FromFlu): void {
    if (message.type === 'frame' || message.type === 'large') Atomics.add(this.cells, 1, 1);
    const result =
      message.type === 'large'
        ? message.port === undefined
        : message.type === 'frame' && (message.bytes as Uint8Array)[4] === FrameType.RESULT;
    if (!result) {
      this.events.onMessage(message);
      return;
    }
    const next = this.#take();
    const startedNext = next === undefined ? 0 : idOf(next);
    if (message.type === 'large') {
      this.events.onMessage({ ...message, startedNext });
    } else {
      const frame = Buffer.from((message as { bytes: Uint8Array }).bytes);
      frame.writeUInt32BE(startedNext, STARTED_NEXT_AT);
      this.events.onMessage({ type: 'frame', bytes: frame });
    }
    this.#dispatch(next);
  }

  #take(): string | RunWithBuffers | undefined {
    for (let run; (run = this.#queue.shift()) !== undefined;) {
      const claim = Atomics.compareExchange(this.cells, claimCell(this.#taken), Claim.QUEUED, Claim.STARTED);
      this.#taken = (this.#taken + 1) | 0;
      Atomics.store(this.cells, TAKEN_RUNS, this.#taken);
      if (claim === Claim.QUEUED) return run;
    }
    return undefined;
  }

  #dispatch(run: string | RunWithBuffers | undefined): void {
    this.#runningId = run === undefined ? 0 : idOf(run);
    Atomics.store(this.cells, RUNNING, this.#runningId | 0);
    if (run === undefined) return;
    if (typeof run === 'string') this.#child.send({ type: 'text', run });
    else this.#child.send({ ...run, buffers: run.buffers.map(([slot, bytes]) => [slot, new Uint8Array(bytes)]) });
  }
}

function byLength(env: NodeJS.ProcessEnv): [short: NodeJS.ProcessEnv, long: NodeJS.ProcessEnv] {
  const isLong = (value: string | undefined): boolean => (value?.length ?? 0) > MAX_VARIABLE_CHARS;
  const entries = Object.entries(env);
  const short = entries.filter(([, value]) => !isLong(value));
  return [Object.fromEntries(short), Object.fromEntries(entries.filter(([, value]) => isLong(value)))];
}

function idOf(run: string | RunWithBuffers): number {
  return packedId(typeof run === 'string' ? run : run.packed);
}
