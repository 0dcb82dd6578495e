import { Agent, DecoratorHandler, type Dispatcher } from 'undici';
import type { CouchSettings } from './settings.js';

const CONNECT_MS = 5_000;
/** CouchDB closes idle connections by its own hint or after minutes; ours go first. */
const IDLE_MS = 30_000;
/** More than the largest document with its attachments. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/** Connections that are kept and used again, and whom to trust on them. */
export interface Connections {
  readonly dispatcher: Dispatcher;
  /** Ends all of them, with what runs on them. */
  close(): Promise<void>;
}

export function openConnections(settings: CouchSettings, connections: number): Connections {
  const agent = new Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    // One operation has one time limit, and it is the client's.
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
/** undici's types leave out what it passes on. */
const PassingOn = DecoratorHandler as unknown as new (handler: Dispatcher.DispatchHandler) => ResponseStart;

/**
 * Refuses a success that is not JSON: it is not CouchDB's. nano reads such a body without a handler for its failure, so
 * that a connection that breaks in the middle would end the process.
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
