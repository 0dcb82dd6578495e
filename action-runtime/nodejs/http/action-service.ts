import { initFailure, initFailureLog } from '../bridge/init-failure.js';
import { prepareCode } from '../dlu/prepare-code.js';
import { privateDirectory } from '../dlu/private-directory.js';
import { type ActionMain, loadAction } from '../flu/load-action.js';
import { ActivationOutput } from './activation-output.js';
import { type Answer, callAction, failed } from './call-action.js';

type Status = 'ready' | 'starting' | 'running' | 'stopped';

/** Runs one action as OpenWhisk's Node.js runtime does: in this thread and process (OW-69 to OW-76). */
export class ActionService {
  #status: Status = 'ready';
  #main: ActionMain | undefined;
  readonly #output = new ActivationOutput();

  readonly #concurrent: boolean;

  /** @param concurrent True to take runs while others are in progress; else they are refused. */
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
    // The code may read it while it is loaded.
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
    // A function that threw stops the runtime for good, also when concurrent runs end later.
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
  // `loadAction` throws when an action of the kind `code` has no function.
  return (await loadAction({ init: { kind: 'code', main }, code, privateDirectory: privateDirectory() }))!;
}

/** Sets the variables of an /init: text as it is, JSON for an object, the empty text for a falsy value. */
function setInitEnvironment(env: unknown): void {
  if (typeof env !== 'object' || env === null) return;
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'object' && value !== null) process.env[name] = JSON.stringify(value);
    else process.env[name] = value ? String(value) : '';
  }
}

/**
 * Sets the variables of one activation: `__OW_<KEY>` for every text beside `value`. Concurrent runs see those of the run
 * that began last, as in OpenWhisk.
 */
function setRunEnvironment(message: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(message)) {
    if (key !== 'value' && typeof value === 'string') process.env[`__OW_${key.toUpperCase()}`] = value;
  }
}
