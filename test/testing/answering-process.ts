import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type CommandOptions, listen, ownEnvironment } from './command.js';
import { within } from './within.js';

const ANSWER_MS = 180_000;

/** A Node program that answers each message with one, by the channel that Node gives to its children. */
export class AnsweringProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #stderr: () => string;

  constructor(args: readonly string[], { cwd, environment }: Pick<CommandOptions, 'cwd' | 'environment'>) {
    this.#child = spawn(process.execPath, args, {
      cwd,
      env: { ...ownEnvironment(), ...environment },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#stderr = listen(this.#child, 'stderr');
    this.#exited = once(this.#child, 'exit');
  }

  /** Rejects with what the program said when it ends instead. */
  async ask<T>(message: object): Promise<T> {
    const answer = once(this.#child, 'message') as Promise<[T]>;
    this.#child.send(message);
    const ended = this.#exited.then(() => Promise.reject(new Error(`The program has ended: ${this.#stderr()}`)));
    const [value] = await within('an answer', ANSWER_MS, Promise.race([answer, ended]));
    return value;
  }

  /** Closes the channel, which ends the program. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited;
  }
}
