import { Agent, DecoratorHandler, type Dispatcher } from 'undici';
import type { CouchSettings } from './settings.js';

const CONNECT_MS = 5_000;
/** CouchDB closes idle connections after minutes; the client closes them first. */
const IDLE_MS = 30_000;
/** More than the largest document with its attachments. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/** Keep-alive connections with their TLS settings. */
export interface Connections {
  readonly dispatcher: Dispatcher;
  /** Closes all connections and fails the requests on them. */
  close(): Promise<void>;
}

export function openConnections(settings: CouchSettings, connections: number): Connections {
  const agent = new Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    // The client limits the time of each operation.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: MAX_ANSWER_BYTES,
    connect: {
      timeout: CONNECT_MS,
      rejectUnauthorized: settings.tls?.insecure !== true,
      ...(settings.tls?.ca === undefined ? {} : { ca: settings.tls.ca }),
    },
  });
  const dispatcher = agent.compose((dispatch) => (options, handler) => dispatch(options, new OnlyJson(handler)));
  return { dispatcher, close: () => agent.destroy() };
}

interface ResponseStart {
  onResponseStart(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void;
}
/** undici's types lack the method. */
const PassingOn = DecoratorHandler as unknown as new (handler: Dispatcher.DispatchHandler) => ResponseStart;

/**
 * Rejects a success that is not JSON, since CouchDB did not send it. nano reads such a body without an error handler, so
 * that a broken connection would end the process.
 */
class OnlyJson extends PassingOn {
  override onResponseStart(...args: Parameters<ResponseStart['onResponseStart']>): void {
    const [controller, status, headers] = args;
    const type = String(headers['content-type']);
    if (status < 400 && !type.startsWith('application/json')) {
      controller.abort(new Error(`it answers ${status} with ${type.slice(0, 80)} instead of JSON`));
    } else {
      super.onResponseStart(...args);
    }
  }
}
