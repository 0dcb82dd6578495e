import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, NewId } from '@dataflower/common';
import { overloaded, sendError, sendJson } from '@dataflower/common/http';
import type { ActivationRecord, RecordStore } from '@dataflower/common/records';
import type { Host, StartMessage } from '@dataflower/invoker-shim';
import { asApiError } from '../entities/api-error.js';
import { type BodyBudget, countAnswer } from '../http/body-budget.js';
import { withDefaults } from '../entities/parameters.js';
import { checkEntityName, decodeSegment, entitledNamespace } from '../entities/names.js';
import { type BodyThreads, isLargePayload } from '../entities/bodies/body-threads.js';
import { reservedProperties } from '../entities/bodies/body-work.js';
import { parseObject } from '../http/json.js';
import { checkContentType, readBody } from '../http/request.js';
import { paradigmOf } from '../workflows/annotations.js';
import { authenticated, type Authenticator } from '../auth/authenticator.js';
import type { Caller } from '../auth/identity.js';
import type { LimitSettings } from '../settings.js';
import type { Resolved, Startable, TargetResolver } from '../targets/resolver.js';
import { AcceptanceNote } from './acceptance-note.js';
import { answerText, httpStatusOf, type InvokeOptions, readInvokeOptions } from './api.js';
import type { Throttles } from './throttles.js';

export interface InvokeDependencies {
  readonly authenticator: Authenticator;
  readonly throttles: Throttles;
  readonly resolver: TargetResolver;
  readonly host: Host;
  readonly records: RecordStore;
  readonly newId: NewId;
  readonly bodies: BodyBudget;
  readonly bodyThreads: BodyThreads;
  readonly limits: LimitSettings;
  readonly clock: Clock;
  /** Logs accepted and answered activations. */
  readonly log?: { debug(fields: object, message: string): void } | undefined;
  /** Spans are exported: the trace context of requests is passed on. */
  readonly traced?: boolean;
  readonly unexpected: (error: unknown, transactionId: string) => void;
}

/** One invocation: its state between the steps of the route. */
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly transactionId: string;
  readonly receivedAt: number;
  readonly received: number;
  readonly caller: Caller;
  /** `namespace/name`, or `namespace/package/name`. */
  readonly id: string;
  readonly options: InvokeOptions;
}

/** The wait of a blocking call. */
interface Wait {
  answer(record: ActivationRecord, result: string): void;
  forget(): void;
}

const EMPTY_PAYLOAD = Buffer.from('{}');
const NO_ROOM_FOR_RECORDS = 'There is no room for activation records: their disk is full, or what they may take of it.';

/**
 * POST of an action: the hot path, which bypasses the router of the rest of the API. The order of the checks is that of
 * OpenWhisk (OW-11).
 */
export class InvokeRoute {
  readonly #deps: InvokeDependencies;

  constructor(deps: InvokeDependencies) {
    this.#deps = deps;
  }

  /** `namespace` and `names` are encoded segments of the path; `query` has no question mark. */
  handle(
    request: IncomingMessage,
    response: ServerResponse,
    transactionId: string,
    namespace: string,
    names: readonly string[],
    query: string,
  ): void {
    const { clock } = this.#deps;
    const receivedAt = clock.wall();
    const received = clock.now();
    try {
      const caller = authenticated(this.#deps.authenticator, request);
      const decoded = names.map(decodeSegment);
      for (const name of decoded) checkEntityName(name);
      const name = decoded.join('/');
      const owner = entitledNamespace(caller, decodeSegment(namespace), name);
      this.#deps.throttles.countCall(owner);
      const options = readInvokeOptions(query, this.#deps.limits);
      checkContentType(request);
      const id = `${owner}/${name}`;
      const call: Call = { request, response, transactionId, receivedAt, received, caller, id, options };
      const terms = { maxBytes: this.#deps.limits.payloadBytes, budget: this.#deps.bodies, owner };
      readBody(request, terms, (error, body, release) => {
        if (error === undefined) this.#read(call, body);
        else this.#refuse(call, error);
        release();
      });
    } catch (error) {
      request.resume();
      this.#refuse({ response, transactionId }, error);
    }
  }

  #read(call: Call, body: Buffer): void {
    try {
      if (isLargePayload(body)) {
        this.#readLarge(call, body).catch((error: unknown) => this.#refuse(call, error));
        return;
      }
      const payload = body.length === 0 ? {} : parseObject(body);
      const startable = this.#deps.resolver.peek(call.caller, call.id);
      if (startable !== undefined) {
        this.#start(call, body, payload, startable);
        return;
      }
      this.#deps.resolver.resolve(call.caller, call.id).then(
        (found) => {
          try {
            this.#start(call, body, payload, found);
          } catch (error) {
            this.#refuse(call, error);
          }
        },
        (error: unknown) => this.#refuse(call, error),
      );
    } catch (error) {
      this.#refuse(call, error);
    }
  }

  /** A thread reads the body and needs the target for it. An error of the body still precedes one of the target. */
  async #readLarge(call: Call, body: Buffer): Promise<void> {
    const { resolver, bodyThreads } = this.#deps;
    const target: { readonly found?: Startable; readonly error?: unknown } = await resolver
      .resolve(call.caller, call.id)
      .then(
        (found) => ({ found }),
        (error: unknown) => ({ error }),
      );
    const { found, error } = target;
    const { finalKeys = [], parameters } = found?.resolved ?? {};
    const payload = await bodyThreads.payload(body, finalKeys, parameters).catch((cause: unknown) => {
      found?.release();
      throw cause;
    });
    if (found === undefined) this.#refuse(call, error);
    else this.#start(call, payload, undefined, found);
  }

  /** @param given The parsed body; undefined when `body` is the final payload. */
  #start(call: Call, body: Buffer, given: Record<string, unknown> | undefined, startable: Startable): void {
    let note: AcceptanceNote;
    try {
      note = this.#begin(call, body, given, startable);
    } catch (error) {
      startable.release();
      throw error;
    }
    if (!call.options.blocking) this.#accept(call, note);
  }

  /** Starts the activation on a host. When it throws, no activation was started. */
  #begin(
    call: Call,
    body: Buffer,
    given: Record<string, unknown> | undefined,
    { resolved, release }: Startable,
  ): AcceptanceNote {
    const deps = this.#deps;
    if (given !== undefined && resolved.finalKeys.some((key) => Object.hasOwn(given, key))) throw reservedProperties();
    const header = paradigmOf(call.request.headers['x-dataflower-paradigm'], 'The header X-Dataflower-Paradigm');
    if (deps.records.full) throw overloaded(undefined, NO_ROOM_FOR_RECORDS);
    const { caller, transactionId, receivedAt, received } = call;
    const { namespace } = caller;
    deps.throttles.start(namespace);
    const activationId = deps.newId();
    const message: StartMessage = {
      activationId,
      transactionId,
      identity: caller,
      target: resolved.target,
      payload: given === undefined ? body : payloadOf(body, given, resolved),
      receivedAt,
      received,
      paradigm: header ?? resolved.paradigm,
      ...(resolved.codes.isEmpty ? {} : { ended: release }),
      ...(deps.traced === true && traceOf(call.request.headers.traceparent)),
    };
    const note = new AcceptanceNote(deps.records, message);
    const waiting = call.options.blocking ? this.#wait(call, note) : undefined;
    try {
      note.host = deps.host.start(message, (record, result) => {
        deps.log?.debug({ activationId, transactionId, status: record.status }, 'answered');
        deps.throttles.ended(namespace);
        note.answered();
        waiting?.answer(record, result);
      });
    } catch (cause) {
      deps.throttles.ended(namespace);
      waiting?.forget();
      throw cause;
    }
    deps.log?.debug({ activationId, transactionId, namespace, action: call.id }, 'accepted');
    return note;
  }

  /** Answers 202 once it is certain that the activation will have a record, unless `take` returns false by then. */
  #accept(call: Call, note: AcceptanceNote, take = (): boolean => true): void {
    note.write((error) => {
      if (!take()) return;
      if (error === undefined) accepted(call, note.activationId);
      else this.#refuse(call, error);
    });
  }

  /** Begins the wait: answers 202 when its time is over, unless the activation has been answered or forgotten by then. */
  #wait(call: Call, note: AcceptanceNote): Wait {
    let open = true;
    const take = (): boolean => {
      const wasOpen = open;
      open = false;
      return wasOpen;
    };
    const timer = setTimeout(() => this.#accept(call, note, take), call.options.waitMs);
    const forget = (): void => {
      open = false;
      clearTimeout(timer);
    };
    const answer: Wait['answer'] = (record, result) => {
      if (!open) return;
      forget();
      const text = answerText(record, result, call.options.result);
      if (!countAnswer(call.response, text, this.#deps.bodies, call.caller.namespace)) {
        sendError(call.response, overloaded(), call.transactionId, ['x-openwhisk-activation-id', note.activationId]);
        return;
      }
      sendJson(call.response, httpStatusOf(record), call.transactionId, text, [
        'x-openwhisk-activation-id',
        note.activationId,
      ]);
    };
    return { answer, forget };
  }

  #refuse({ response, transactionId }: Pick<Call, 'response' | 'transactionId'>, error: unknown): void {
    const refused = asApiError(error);
    if (refused.status === 500) this.#deps.unexpected(error, transactionId);
    sendError(response, refused, transactionId);
  }
}

/** W3C trace context, version 00; anything else is ignored. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

function traceOf(header: string | string[] | undefined): { traceparent?: string } {
  return typeof header === 'string' && TRACEPARENT.test(header) ? { traceparent: header } : {};
}

/** OW-35, OW-37. */
function accepted(call: Call, activationId: string): void {
  sendJson(call.response, 202, call.transactionId, `{"activationId":"${activationId}"}`, [
    'x-openwhisk-activation-id',
    activationId,
  ]);
}

function payloadOf(body: Buffer, given: Record<string, unknown>, resolved: Resolved): Buffer {
  if (resolved.parameters !== undefined) return withDefaults(resolved.parameters, given, body);
  return body.length === 0 ? EMPTY_PAYLOAD : body;
}
