import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import { malformed, overloaded, sendJson } from '@dataflower/common/http';
import type { RecordStore } from '@dataflower/common/records';
import type { Host } from '@dataflower/invoker-shim';
import type { Caller } from '../auth/identity.js';
import type { GatewaySettings } from '../settings.js';
import type { EntityStore } from '../stores/entity-store.js';
import type { WorkflowCompiler } from '../workflows/workflow-compiler.js';
import { type BodyBudget, countAnswer } from '../http/body-budget.js';
import type { Query } from '../http/query.js';
import { sendStreamed, StreamedJson } from '../http/streamed-json.js';
import { type BodyTerms, checkContentType, readBody } from '../http/request.js';
import type { BodyThreads } from '../entities/bodies/body-threads.js';

/** Dependencies of the resources of the API. */
export interface ApiContext {
  readonly store: EntityStore;
  readonly records: RecordStore;
  readonly host: Host;
  readonly config: GatewaySettings;
  readonly compiler: WorkflowCompiler;
  /** Shared by all requests. */
  readonly bodies: BodyBudget;
  readonly bodyThreads: BodyThreads;
  readonly now: () => number;
}

/** State of a request before its route is called, in `response.locals`. */
export interface RequestLocals {
  readonly transactionId: string;
  readonly caller: Caller;
  readonly query: Query;
  readonly bodies: BodyBudget;
}

export function localsOf(response: Response): RequestLocals {
  return response.locals as RequestLocals;
}

/** A handler that answers 200 with the value that `route` returns: any value, `JsonText` or `StreamedJson`. */
export function answering(route: (request: Request, locals: RequestLocals) => unknown): RequestHandler {
  return async (request, response) => {
    const locals = localsOf(response);
    const { transactionId, bodies } = locals;
    const owner = locals.caller?.namespace ?? '';
    const value: unknown = await route(request, locals);
    if (value instanceof StreamedJson) {
      await sendStreamed(response, transactionId, value, bodies, owner);
      return;
    }
    const text = value instanceof JsonText ? value.text : JSON.stringify(value);
    if (!countAnswer(response, text, bodies, owner)) throw overloaded();
    sendJson(response, 200, transactionId, text);
  };
}

/** A value that is JSON text already. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** The body of a request as JSON (OW-7). Its bytes are counted until the response is closed. */
export async function bodyObject(
  request: IncomingMessage,
  response: ServerResponse,
  terms: BodyTerms,
  read: (body: Buffer) => Record<string, unknown> | Promise<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  checkContentType(request);
  const body = await new Promise<Buffer>((resolve, reject) => {
    // The client has disconnected. This is no error of the server, and no one receives the answer.
    request.once('error', () => reject(malformed('The request ended before its body did.')));
    readBody(request, terms, (error, bytes, release) => {
      response.once('close', release);
      if (error === undefined) resolve(bytes);
      else reject(error);
    });
  });
  return read(body);
}

/** One parameter of the path. */
export function pathParameter(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
