import type { ProcessIdentity } from './background-program.js';
import type { ServiceName } from './names.js';

/** The state of a started service, as its state file keeps it. */
export interface StartedService {
  /** The value of its environment variable. It may hold a password. */
  readonly address: string;
  /** Absolute path of its log; undefined when another program runs it. */
  readonly log?: string;
  /** The program to stop; undefined when another program runs it. */
  readonly process?: ProcessIdentity;
  /** Facts that the service needs when it is stopped. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface StartContext {
  /** A folder of this service alone; it is removed when the service is stopped. */
  readonly directory: string;
  /** Absolute path where the program's output goes. */
  readonly log: string;
  /** Says what is being done, for who waits. */
  readonly progress: (text: string) => void;
  /**
   * Keeps what `stop` would have to know, before the program runs: when this process is killed in the middle, what it
   * has started is found all the same.
   */
  readonly keep: (started: StartedService) => void;
  /** The state of the earlier start in this folder, for a service that keeps its data and address. */
  readonly before?: StartedService;
}

/** One thing that tests need and that is not Node. A new one is a file with this, and a line in `names.ts` and `services.ts`. */
export interface Service {
  readonly name: ServiceName;
  /** For the help: what it is, in a few words. */
  readonly what: string;
  /** Killed and started again it has its data in the folder, and its address; otherwise it is started anew. */
  readonly keepsData: boolean;
  /** The address of a service that another program runs. Then nothing is started. */
  find(): Promise<string | undefined>;
  /** Starts it, waits until it answers, and resolves with where. Rejects, with what to do, when it cannot be had here. */
  start(context: StartContext): Promise<StartedService>;
  /** Asks it for something harmless. Rejects when it does not answer as it should, within a few seconds. */
  ask(address: string): Promise<void>;
  /** Removes what the program leaves behind on the machine, once it is gone or, with a killed one, found gone. */
  clear(started: StartedService): Promise<void>;
}
