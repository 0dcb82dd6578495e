import { type Definition, type Init, type Run, type Slot, Outcome } from '@dataflower/action-runtime/protocol';
import { FailureText } from '../failures.js';
import { type Envelope, type Judged, failed, quoted } from './bodies.js';
import type { ContainerEnding } from '../ending.js';
import { type ContainerHttp, NoAnswerError, NotBegunError } from './container-http.js';
import { ForeignText } from './failure-texts.js';
import type { JsonThreads } from './json-threads.js';

/** What a run needs of its container. */
export interface RunTools {
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

/** Bytes of a run's input as they travel; the JSON of it is of this size or larger. */
export function inputBytes(slots: readonly Slot[]): number {
  let bytes = 0;
  for (const slot of slots) bytes += slot.where === 'inline' ? slot.bytes.length : slot.size;
  return bytes;
}

/** Why a run cannot be told to `/run` at all; undefined when it can. */
export function refusal(run: Run, definition: Definition | undefined, maxBytes: number): string | undefined {
  const port = definition?.outputs[0];
  if (port !== undefined) return ForeignText.cannotEmit(port);
  if (definition?.functions !== undefined) return ForeignText.noSteps;
  const bytes = inputBytes(run.slots);
  return bytes > maxBytes ? ForeignText.inputTooLarge(bytes, maxBytes) : undefined;
}

/**
 * Tells one run to `/run` and judges the answer by OpenWhisk's rules (OW-46, OW-53, OW-57).
 * Rejects with `NoAnswerError` or `NotBegunError`, and with the signal's reason.
 */
export async function tellRun(
  run: Run,
  slots: readonly Slot[],
  definition: Definition | undefined,
  tools: RunTools,
): Promise<Judged> {
  const { http, threads, signal, maxBytes, init } = tools;
  let body: Uint8Array;
  try {
    const parts: Buffer[] = [];
    for (const slot of slots) parts.push(await tools.readSlot(slot));
    const parameters = definition?.ports === true ? {} : init.parameters;
    body = await threads.do(
      { type: 'run', words: { slots: parts, parameters, envelope: envelopeOf(run, init.env) } },
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    return failed(Outcome.APPLICATION_ERROR, `The input of the action could not be read: ${(error as Error).message}.`);
  }
  if (body.length > maxBytes)
    return failed(Outcome.APPLICATION_ERROR, ForeignText.inputTooLarge(body.length, maxBytes));
  const { status, length, kindAndBody, isWhole } = await http.post('/run', body, maxBytes);
  if (!isWhole) {
    const text = FailureText.responseTooLong(length, maxBytes, quoted(kindAndBody.subarray(1)));
    return failed(Outcome.APPLICATION_ERROR, text);
  }
  try {
    return await threads.do({ type: 'judge', status, kindAndBody }, signal);
  } catch (error) {
    signal.throwIfAborted();
    return failed(Outcome.DEVELOPER_ERROR, ForeignText.unreadable((error as Error).message));
  }
}

/** What OpenWhisk's invoker says beside the parameters; and the API's address, which its containers are started with. */
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

/** What a container ends with that cannot be used any more. */
export function endingOf(path: string, error: unknown): ContainerEnding {
  const { message } = error as Error;
  if (error instanceof NotBegunError) return { kind: 'AWAY', detail: `it did not take ${path}: ${message}` };
  return {
    kind: 'DIED',
    detail: error instanceof NoAnswerError ? `it gave no answer to ${path}: ${message}` : message,
  };
}
