import { type Definition, type Init, type Run, type Slot, Outcome } from '@dataflower/action-runtime/protocol';
import { FailureText } from '../failures.js';
import { type Envelope, type RunResult, failed, quoted } from './bodies.js';
import { type ContainerHttp, ContainerHttpError } from './container-http.js';
import { OpenWhiskRuntimeText } from './failure-texts.js';
import type { JsonThreads } from './json-threads.js';

/** The container of a run, as the run sees it. */
export interface RunTarget {
  readonly http: ContainerHttp;
  readonly threads: JsonThreads;
  readonly signal: AbortSignal;
  /** Largest body of `/run`, and largest answer, in bytes. */
  readonly maxBytes: number;
  readonly init: Init;
  /** Time limit of a run, in ms. */
  readonly timeoutMs: number;
  readSlot(slot: Slot): Promise<Buffer>;
}

/** Encoded size of a run's input, in bytes; its JSON is at least as large. */
export function inputBytes(slots: readonly Slot[]): number {
  let bytes = 0;
  for (const slot of slots) bytes += slot.where === 'inline' ? slot.bytes.length : slot.size;
  return bytes;
}

/** Why a run cannot be sent to `/run`; undefined: it can. */
export function refusal(run: Run, definition: Definition | undefined, maxBytes: number): string | undefined {
  const port = definition?.outputs[0];
  if (port !== undefined) return OpenWhiskRuntimeText.cannotEmit(port);
  if (definition?.functions !== undefined) return OpenWhiskRuntimeText.noSteps;
  const bytes = inputBytes(run.slots);
  return bytes > maxBytes ? OpenWhiskRuntimeText.inputTooLarge(bytes, maxBytes) : undefined;
}

/**
 * Sends one run to `/run` and judges the answer by OpenWhisk's rules (OW-46, OW-53, OW-57).
 * Rejects with `ContainerHttpError`, and with the signal's reason.
 */
export async function requestRun(
  run: Run,
  slots: readonly Slot[],
  definition: Definition | undefined,
  target: RunTarget,
): Promise<RunResult> {
  const { http, threads, signal, maxBytes, init } = target;
  let body: Uint8Array;
  try {
    const parts: Buffer[] = [];
    for (const slot of slots) parts.push(await target.readSlot(slot));
    const parameters = definition?.ports === true ? {} : init.parameters;
    body = await threads.do(
      { type: 'run', contents: { slots: parts, parameters, envelope: envelopeOf(run, init.env) } },
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    return failed(Outcome.APPLICATION_ERROR, `The input of the action could not be read: ${(error as Error).message}.`);
  }
  if (body.length > maxBytes)
    return failed(Outcome.APPLICATION_ERROR, OpenWhiskRuntimeText.inputTooLarge(body.length, maxBytes));
  const { status, length, kindAndBody, isWhole } = await http.post('/run', body, maxBytes);
  if (!isWhole) {
    const text = FailureText.responseTooLong(length, maxBytes, quoted(kindAndBody.subarray(1)));
    return failed(Outcome.APPLICATION_ERROR, text);
  }
  try {
    return await threads.do({ type: 'result', status, kindAndBody }, signal);
  } catch (error) {
    signal.throwIfAborted();
    return failed(Outcome.DEVELOPER_ERROR, OpenWhiskRuntimeText.unreadable((error as Error).message));
  }
}

/** The members that OpenWhisk's invoker sends beside the parameters, and the API's address. */
function envelopeOf(run: Run, env: Readonly<Record<string, string>>): Envelope {
  const {
    __OW_NAMESPACE: namespace = '',
    __OW_ACTION_NAME: action_name = '',
    __OW_ACTION_VERSION: action_version = '',
    __OW_API_HOST: api_host,
    __OW_API_KEY: api_key,
  } = env;
  return {
    namespace,
    action_name,
    action_version,
    activation_id: run.activationId.toString('hex'),
    transaction_id: run.transactionId,
    deadline: String(Math.round(run.deadline)),
    ...(api_host === undefined ? {} : { api_host }),
    ...(api_key === undefined ? {} : { api_key }),
  };
}

/** Why a container of an OpenWhisk runtime cannot be used any more. */
export type OpenWhiskRuntimeEnding =
  /** The agent does not need it any more. */
  | { readonly kind: 'RETIRED' }
  /** It ended, or it gave no acceptable answer. */
  | { readonly kind: 'DIED'; readonly detail: string }
  /** It refused a run without beginning it: another container may take the run. */
  | { readonly kind: 'AWAY'; readonly detail: string };

/** The ending of a container after this error of a request. */
export function endingOf(path: string, error: unknown): OpenWhiskRuntimeEnding {
  const { message } = error as Error;
  if (!(error instanceof ContainerHttpError)) return { kind: 'DIED', detail: message };
  return error.code === 'CONTAINER_NOT_BEGUN'
    ? { kind: 'AWAY', detail: `it did not take ${path}: ${message}` }
    : { kind: 'DIED', detail: `it gave no answer to ${path}: ${message}` };
}
