import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import { malformed, overloaded, sendJson } from '@dataflower/common/http';
import type { RecordStore } from '@dataflower/common/records';
import type { Host } from '@dataflower/invoker-shim';
import type { Caller } from '../auth/identity.js';
import type { GatewaySettings } from '../settings.js';
import type { EntityStore } from '../stores/entity-store.js';
import type { WorkflowCompiler } from '../workflows/workflow-compiler.js';
import type { BodyBudget } from '../http/body-budget.js';
import type { Query } from '../http/query.js';
import { JsonPieces, sendPieces } from '../http/streamed-json.js';
import { countAnswer } from '../http/large-answer.js';
import { type BodyTerms, checkContentType, readBody } from '../http/request.js';
import type { BodyThreads } from '../entities/bodies/body-threads.js';

/** What the resources of the API work on. */
export interface ApiContext {
  readonly store: EntityStore;
  readonly records: RecordStore;
  readonly host: Host;
  readonly config: GatewaySettings;
  readonly compiler: WorkflowCompiler;
  /** Of all requests together. */
  readonly bodies: BodyBudget;
  readonly bodyThreads: BodyThreads;
  readonly now: () => number;
}

/** What is known of a request when its route is called; kept in `response.locals`. */
export interface RequestLocals {
  readonly transactionId: string;
  readonly caller: Caller;
  readonly query: Query;
  readonly bodies: BodyBudget;
}

export function localsOf(response: Response): RequestLocals {
  return response.locals as RequestLocals;
}

/** A route that gives what it answers with 200: a value, or JSON as text, whole or in pieces. */
export function answering(route: (request: Request, locals: RequestLocals) => unknown): RequestHandler {
  return async (request, response) => {
    const locals = localsOf(response);
    const { transactionId, bodies } = locals;
    const owner = locals.caller?.namespace ?? '';
    const value: unknown = await route(request, locals);
    if (value instanceof JsonPieces) {
      await sendPieces(response, transactionId, value, bodies, owner);
      return;
    }
    const text = value instanceof JsonText ? value.text : JSON.stringify(value);
    if (!countAnswer(response, text, bodies, owner)) throw overloaded();
    sendJson(response, 200, transactionId, text);
  };
}

/** JSON that is text already. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** The body of a request as JSON (OW-7). It is counted until the response is closed. */
export async function bodyObject(
  request: IncomingMessage,
  response: ServerResponse,
  terms: BodyTerms,
  read: (body: Buffer) => Record<string, unknown> | Promise<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  checkContentType(request);
  const body = await new Promise<Buffer>((resolve, reject) => {
    // Its sender has gone: nobody hears the answer, and it is no fault of the server's.
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
