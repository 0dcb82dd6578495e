import { inspect } from 'node:util';
import { type Definition, MAX_INLINE_BYTES } from '../../protocol/index.js';
import { initFailure, initFailureText } from '../bridge/init-failure.js';
import type { FluConfig, RunChannelAddress } from '../bridge/messages.js';
import { userStack } from '../bridge/user-stack.js';
import { Emitter } from './emitter.js';
import { hookExit } from './exit-hooks.js';
import { loadAction } from './load-action.js';
import { LogLines } from './log-lines.js';
import { RunEnvironment } from './run-environment.js';
import { Runner } from './runner.js';
import type { ThreadTransport } from './thread-transport.js';
import type { TransportEvents } from './transport.js';

/** The function logic unit: loads the action, reports READY to the DLU, and executes runs from then on. */
export class Flu implements TransportEvents {
  readonly #environment = new RunEnvironment();
  readonly #exit: (code: number) => void;
  #channel: Promise<boolean> = Promise.resolve(false);
  #logs: LogLines | undefined;
  #emitter: Emitter | undefined;
  #runner: Runner | undefined;
  #draining = false;

  readonly #transport: ThreadTransport;

  constructor(transport: ThreadTransport) {
    this.#transport = transport;

    this.#exit = hookExit(
      (thrown) => this.#onProcessExit(thrown),
      () => transport.flush(),
    );
    transport.listen(this);
  }

  /** Opens the run channel before the action's code can run. */
  onOpen(runChannel: RunChannelAddress | undefined): void {
    if (runChannel !== undefined) this.#channel = this.#transport.openChannel(runChannel);
  }

  onLoad(config: FluConfig): void {
    Object.assign(process.env, config.init.env);
    this.#logs = new LogLines(this.#transport, config.init.logLimitBytes, config.endMark);
    this.#logs.capture();
    this.#emitter = new Emitter(this.#transport, config.emitWindowBytes);
    void this.#load(config, this.#logs, this.#emitter);
  }

  onRun(): void {
    this.#runner?.wake();
  }

  onDefine(id: number, definition: Definition): void {
    this.#runner?.define(id, definition);
  }

  onGrant(bytes: number): void {
    this.#emitter?.grant(bytes);
  }

  onStop(): void {
    this.#logs?.flush();
    this.#transport.post({ type: 'stopped' });
  }

  onDrain(): void {
    this.#draining = true;
    if (this.#runner?.idle !== false) this.#transport.post({ type: 'idle' });
  }

  onExit(code: number): void {
    this.#exit(code);
  }

  async #load(config: FluConfig, logs: LogLines, emitter: Emitter): Promise<void> {
    let main;
    try {
      main = await loadAction(config);
    } catch (error) {
      console.error(initFailureText(error));
      logs.flush();
      this.#transport.post({ type: 'ready', ok: false, error: initFailure(error), logs: logs.early });
      return;
    }
    this.#runner = new Runner(config, main, this.#transport, emitter, logs, this.#environment, () => {
      if (this.#draining) this.#transport.post({ type: 'idle' });
    });
    this.#transport.post({ type: 'ready', ok: true, runChannel: await this.#channel });
  }

  /** The process is exiting: completes the log, and lets the DLU answer for the running invocation. */
  #onProcessExit(thrown: { readonly error: unknown } | undefined): void {
    if (thrown !== undefined) this.#logs?.print('stderr', Buffer.from(`${uncaught(thrown.error)}\n`));
    this.#logs?.flush();
    this.#transport.exited(this.#logs?.early ?? []);
  }
}

/** Text that Node prints for an uncaught exception. */
function uncaught(error: unknown): string {
  const text =
    error instanceof Error && error.stack !== undefined ? userStack(error.stack) : `Uncaught ${inspect(error)}`;
  return text.slice(0, MAX_INLINE_BYTES);
}
