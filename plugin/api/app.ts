import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler } from 'express';
import type { Authenticator } from '../auth/authenticator.js';
import { authenticated } from '../auth/required.js';
import { absentCollectionRoutes } from './absent-collections.js';
import { actionRoutes } from './actions.js';
import { activationRoutes } from './activations.js';
import { ApiError, asApiError, malformed, noSuchRoute } from './api-error.js';
import { apiDocs } from './api-docs.js';
import { answering, type ApiContext, onlyMethods } from './context.js';
import { apiInfo, platformInfo } from './info.js';
import { namespaceRoutes } from './namespaces.js';
import { sendError, sendText } from './reply.js';

export interface AppDependencies extends ApiContext {
  readonly authenticator: Authenticator;
  readonly version: string;
  /** Text for Prometheus. */
  readonly metrics: () => Promise<string>;
  readonly unexpected: (error: unknown, transactionId: string) => void;
}

export type App = (request: IncomingMessage, response: ServerResponse, transactionId: string) => void;

/** Everything of the API but invocations. */
export function createApp(deps: AppDependencies): App {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.enable('case sensitive routing');

  app.use((request, response, next) => {
    // A body that no route reads is dropped as it comes.
    if (request.method !== 'PUT') request.resume();
    const at = request.url.indexOf('?');
    response.locals.query = new URLSearchParams(at < 0 ? '' : request.url.slice(at + 1));
    next();
  });
  app.options(/^\/api\/v1(?:\/|$)/, (_request, response) => sendText(response, 200, transactionOf(response), 'OK'));
  app.get('/ping', (_request, response) => sendText(response, 200, transactionOf(response), 'pong'));
  app.get('/metrics', async (_request, response) =>
    sendText(response, 200, transactionOf(response), await deps.metrics()),
  );
  app.get(
    '/',
    answering(() => platformInfo(deps.config)),
  );
  app.get(
    '/api/v1',
    answering(() => apiInfo(deps.version)),
  );
  app.get(
    '/api/v1/api-docs',
    answering(() => apiDocs(deps.version)),
  );
  app.get('/api/v1/docs', (_request, response) => {
    response.redirect(308, '/api/v1/api-docs');
  });
  app.all(['/ping', '/metrics', '/', '/api/v1', '/api/v1/api-docs'], onlyMethods('GET'));

  app.use('/api/v1/namespaces', (request, response, next) => {
    response.locals.caller = authenticated(deps.authenticator, request);
    next();
  });
  app.use(
    '/api/v1/namespaces',
    namespaceRoutes(deps),
    actionRoutes(deps),
    activationRoutes(deps),
    absentCollectionRoutes(),
  );
  app.use(() => {
    throw noSuchRoute();
  });

  const onError: ErrorRequestHandler = (error: unknown, request, response, next) => {
    request.resume();
    const refused = answerTo(error);
    if (refused.status === 500) deps.unexpected(error, transactionOf(response));
    if (response.headersSent) next(error);
    else sendError(response, refused, transactionOf(response));
  };
  app.use(onError);

  return (request, response, transactionId) => {
    (response as ServerResponse & { locals: object }).locals = { transactionId, bodies: deps.bodies };
    app(request, response);
  };
}

function transactionOf(response: { locals: Record<string, unknown> }): string {
  return response.locals.transactionId as string;
}

/** The router itself refuses a path that cannot be decoded. */
function answerTo(error: unknown): ApiError {
  const { status } = (error ?? {}) as { status?: unknown };
  return status === 400 && !(error instanceof ApiError) ? malformed((error as Error).message) : asApiError(error);
}
