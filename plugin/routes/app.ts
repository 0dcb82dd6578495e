import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { ApiError, malformed, methodNotAllowed, noSuchRoute, sendError, sendText } from '@dataflower/common/http';
import { authenticated, type Authenticator } from '../auth/authenticator.js';
import { absentCollectionRoutes } from './absent-collections.js';
import { actionRoutes } from './actions.js';
import { activationRoutes } from './activations.js';
import { asApiError } from '../entities/api-error.js';
import { apiDocs } from './api-docs.js';
import { answering, type ApiContext } from './context.js';
import { apiInfo, platformInfo } from './info.js';
import { namespaceRoutes } from './namespaces.js';

export interface AppDependencies extends ApiContext {
  readonly authenticator: Authenticator;
  readonly version: string;
  /** Metrics in Prometheus's text format. */
  readonly metrics: () => Promise<string>;
  readonly unexpected: (error: unknown, transactionId: string) => void;
}

/** The methods of OpenWhisk's API, in its order (OW-84). */
const API_METHODS = ['GET', 'DELETE', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'PATCH'];

export type App = (request: IncomingMessage, response: ServerResponse, transactionId: string) => void;

/** The express application of the API: everything but invocations. */
export function createApp(deps: AppDependencies): App {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.enable('case sensitive routing');

  app.use((request, response, next) => {
    // Drops the body: only the routes of PUT read one.
    if (request.method !== 'PUT') request.resume();
    const at = request.url.indexOf('?');
    response.locals.query = new URLSearchParams(at < 0 ? '' : request.url.slice(at + 1));
    next();
  });
  app.use((request, response, next) => {
    // CORS preflight, for any path.
    if (request.method === 'OPTIONS') sendText(response, 200, transactionOf(response), 'OK');
    else next();
  });
  openRoutes(app, deps);
  app.use('/api/v1/web', () => {
    throw noSuchRoute();
  });
  app.use('/api/v1', (request, response, next) => {
    response.locals.caller = authenticated(deps.authenticator, request);
    if (!API_METHODS.includes(request.method)) throw methodNotAllowed(...API_METHODS);
    // OpenWhisk's API answers no HEAD; express would answer it wherever there is a GET.
    if (request.method === 'HEAD') throw noSuchRoute();
    next();
  });
  app.use(
    '/api/v1/namespaces',
    namespaceRoutes(deps),
    actionRoutes(deps),
    activationRoutes(deps),
    absentCollectionRoutes(deps),
  );
  app.use('/api/v1', () => {
    throw noSuchRoute();
  });
  app.use(() => {
    throw methodNotAllowed('OPTIONS');
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

/** Requests that need no key (OW-1). */
function openRoutes(app: Express, deps: AppDependencies): void {
  const docs = '/api-docs';
  const text = (path: string, content: () => string | Promise<string>): void =>
    void app.get(path, async (_request, response) => sendText(response, 200, transactionOf(response), await content()));
  const json = (path: string | readonly string[], content: () => object): void =>
    void app.get([path].flat(), answering(content));
  text('/ping', () => 'pong');
  text('/metrics', deps.metrics);
  json('/', () => platformInfo(deps.config));
  json('/api/v1', () => apiInfo(deps.version));
  json([docs, `/api/v1${docs}`], () => apiDocs(deps.version));
  for (const base of ['', '/api/v1'])
    app.get(`${base}/docs`, (_request, response) =>
      sendText(response, 308, transactionOf(response), base + docs, ['Location', base + docs]),
    );
  app.all(['/ping', '/metrics', '/', docs, '/docs'], () => {
    throw methodNotAllowed('GET', 'HEAD', 'OPTIONS');
  });
}

function transactionOf(response: { locals: Record<string, unknown> }): string {
  return response.locals.transactionId as string;
}

/** Express throws its own error for a path that cannot be decoded. */
function answerTo(error: unknown): ApiError {
  const { status } = (error ?? {}) as { status?: unknown };
  return status === 400 && !(error instanceof ApiError) ? malformed((error as Error).message) : asApiError(error);
}
