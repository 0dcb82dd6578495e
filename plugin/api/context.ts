import type { IncomingMessage } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import type { Host, RecordStore } from '@dataflower/invoker-shim';
import type { Caller } from '../auth/identity.js';
import type { Config } from '../config/index.js';
import type { EntityStore } from '../stores/entity-store.js';
import type { WorkflowCompiler } from '../workflows/workflow-compiler.js';
import { ApiError, malformed } from './api-error.js';
import type { Query } from './query.js';
import { sendJson } from './reply.js';
import { checkContentType, parseObject, readBody } from './request.js';

const MAX_NESTING = 500;

/** What the resources of the API work on. */
export interface ApiContext {
  readonly store: EntityStore;
  readonly records: RecordStore;
  readonly host: Host;
  readonly config: Config;
  readonly compiler: WorkflowCompiler;
  readonly now: () => number;
}

/** What is known of a request when its route is called; kept in `response.locals`. */
export interface RequestLocals {
  readonly transactionId: string;
  readonly caller: Caller;
  readonly query: Query;
}

export function localsOf(response: Response): RequestLocals {
  return response.locals as RequestLocals;
}

/** A route that gives what it answers with 200. */
export function answering(route: (request: Request, locals: RequestLocals) => unknown): RequestHandler {
  return async (request, response) => {
    const locals = localsOf(response);
    const value: unknown = await route(request, locals);
    sendJson(response, 200, locals.transactionId, value instanceof JsonText ? value.text : JSON.stringify(value));
  };
}

/** JSON that is text already. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** The JSON object of a body that has to be there (OW-7). */
export async function bodyObject(request: IncomingMessage, maxBytes: number): Promise<Record<string, unknown>> {
  checkContentType(request);
  const body = await new Promise<Buffer>((resolve, reject) => {
    // Its sender has gone: nobody hears the answer, and it is no fault of the server's.
    request.once('error', () => reject(malformed('The request ended before its body did.')));
    readBody(request, maxBytes, (error, bytes) => (error === undefined ? resolve(bytes) : reject(error)));
  });
  if (body.length === 0) throw new ApiError(400, 'Request entity expected but not supplied');
  const object = parseObject(body);
  checkNesting(object, MAX_NESTING);
  return object;
}

/** Entities are walked by code that recurses. */
function checkNesting(value: unknown, levels: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw malformed(`The values are nested more than ${MAX_NESTING} levels deep.`);
  for (const member of Object.values(value)) checkNesting(member, levels - 1);
}

/** The path is there, but not for this method. */
export function onlyMethods(...methods: string[]): RequestHandler {
  return () => {
    throw new ApiError(405, `HTTP method not allowed, supported methods: ${methods.join(', ')}`);
  };
}

/** One parameter of the path. */
export function pathParameter(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
