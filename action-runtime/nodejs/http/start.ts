import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { INTERNAL_ERROR } from '../bridge/outcome-texts.js';
import { makePrivateDirectoryIn } from '../dlu/private-directory.js';
import { exposeGc } from '../flu/expose-gc.js';
import { ActionService } from './action-service.js';
import { type Answer, failed } from './call-action.js';

/** Largest request body, in bytes; the limit of OpenWhisk's Node runtime is 48 MB. */
const MAX_BODY_BYTES = 48 * 1024 * 1024;

const BAD_REQUEST = failed(500, 'Bad request.');

/**
 * Serves OpenWhisk's runtime interface (POST /init, POST /run) on a port. With `__OW_ALLOW_CONCURRENT=true` in its
 * environment it takes several runs at once.
 *
 * @param directory Folder for unpacked code. Default: the system's temporary directory.
 */
export async function startHttp(port: number, directory: string | undefined): Promise<void> {
  if (directory !== undefined) makePrivateDirectoryIn(directory);
  exposeGc();
  const service = new ActionService(process.env['__OW_ALLOW_CONCURRENT']?.toLowerCase() === 'true');
  const server = createServer((request, response) => {
    void answer(service, request).then(({ status, body }) => reply(response, status, body));
  });
  server.requestTimeout = 0;
  server.listen(port);
  await once(server, 'listening');
}

async function answer(service: ActionService, request: IncomingMessage): Promise<Answer> {
  const handler = request.method === 'POST' ? handlerOf(service, request.url) : undefined;
  const message = handler === undefined ? undefined : await readJson(request);
  if (handler === undefined || message === undefined) return BAD_REQUEST;
  // Reading a property of a thrown value may throw.
  return handler(message).catch(() => failed(500, INTERNAL_ERROR));
}

function handlerOf(
  service: ActionService,
  url = '',
): ((message: Record<string, unknown>) => Promise<Answer>) | undefined {
  const path = url.split('?')[0];
  if (path === '/init') return (message) => service.init(message);
  if (path === '/run') return (message) => service.run(message);
  return undefined;
}

/**
 * The body as a JSON object; an empty body is an empty object, anything else undefined. A body that is too large is read to
 * its end and discarded, so that its sender reads the answer.
 */
async function readJson(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else chunks.length = 0;
    }
    if (size > MAX_BODY_BYTES) return undefined;
    if (size === 0) return {};
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Sends an answer with Content-Length: without one, the invoker assumes a crash. */
function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
