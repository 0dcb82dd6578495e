import { initFailure, initFailureLog } from '../bridge/init-failure.js';
import { prepareCode } from '../dlu/prepare-code.js';
import { privateDirectory } from '../dlu/private-directory.js';
import { type ActionMain, loadAction } from '../flu/load-action.js';
import { ActivationOutput } from './activation-output.js';
import { type Answer, failed } from './answer.js';
import { callAction } from './call-action.js';
import { setInitEnvironment, setRunEnvironment } from './environment.js';

type Status = 'ready' | 'starting' | 'running' | 'stopped';

/** Runs one action as OpenWhisk's Node.js runtime does: in this very thread and process (OW-69 to OW-76). */
export class ActionService {
  #status: Status = 'ready';
  #main: ActionMain | undefined;
  readonly #output = new ActivationOutput();

  readonly #concurrent: boolean;

  /** @param concurrent Takes runs while others are under way; else they are refused. */
  constructor(concurrent: boolean) {
    this.#concurrent = concurrent;
  }

  async init(message: Readonly<Record<string, unknown>>): Promise<Answer> {
    if (this.#main !== undefined) return this.#refuse('Cannot initialize the action more than once.');
    if (this.#status !== 'ready') return this.#refuse(`System not ready, status is ${this.#status}.`);
    const { main, code, binary, env } = (message['value'] ?? {}) as Record<string, unknown>;
    if (typeof main !== 'string' || main === '' || typeof code !== 'string' || code === '')
      return failed(403, 'Missing main/no code to execute.');
    this.#status = 'starting';
    // Before the code is loaded, which may look at it.
    setInitEnvironment(env);
    try {
      this.#main = await load(main, code, binary === true);
    } catch (error) {
      this.#status = 'stopped';
      for (const { text } of initFailureLog(error)) this.#output.error(text);
      this.#output.end();
      return failed(502, initFailure(error));
    }
    this.#status = 'ready';
    return { status: 200, body: '{"OK":true}' };
  }

  async run(message: Readonly<Record<string, unknown>>): Promise<Answer> {
    if (this.#main === undefined) return this.#refuse('System not initialized.');
    if (this.#status !== 'ready') return this.#refuse(`System not ready, status is ${this.#status}.`);
    const input = message['value'] ?? {};
    if (typeof input !== 'object')
      return this.#refuse(`Internal system error: the argument must be a dictionary but has type '${typeof input}'.`);
    if (!this.#concurrent) this.#status = 'running';
    setRunEnvironment(message);
    const { threw, ...answer } = await callAction(this.#main, input, this.#output);
    // A function that threw stops the runtime for good, also for the runs beside it that end later.
    if (threw) this.#status = 'stopped';
    else if (this.#status === 'running') this.#status = 'ready';
    this.#output.end();
    return answer;
  }

  #refuse(error: string): Answer {
    this.#output.error('Internal system error:', error);
    return failed(403, error);
  }
}

async function load(main: string, text: string, binary: boolean): Promise<ActionMain> {
  const code = await prepareCode(Buffer.from(text, binary ? 'base64' : 'utf8'), binary);
  // An action of code has a function; without one it would have thrown.
  return (await loadAction({ init: { kind: 'code', main }, code, privateDirectory: privateDirectory() }))!;
}
