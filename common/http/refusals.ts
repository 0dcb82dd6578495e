import { CodedError } from '../coded-error.js';

/** An answer that refuses a request: OpenWhisk's status and text (OW-4). */
export class ApiError extends CodedError<'REQUEST_REFUSED'> {
  static readonly codes = ['REQUEST_REFUSED'] as const;
  readonly status: number;
  /** Headers of the answer, name and value in turn. */
  readonly headers: readonly string[];

  constructor(status: number, text: string, options?: ErrorOptions & { readonly headers?: readonly string[] }) {
    super('ApiError', 'REQUEST_REFUSED', status === 503, text, options);
    this.status = status;
    this.headers = options?.headers ?? [];
  }
}

/** OW-7: the body is not JSON, or has the wrong shape. */
export function malformed(detail: string): ApiError {
  return new ApiError(400, `The request content was malformed:\n${detail}`);
}

/** OW-8. */
export function malformedQuery(parameter: string, detail: string): ApiError {
  return new ApiError(400, `The query parameter '${parameter}' was malformed:\n${detail}`);
}

/** OW-31, OW-40. */
export function tooLarge(field: string, bytes: number, max: number): ApiError {
  return new ApiError(413, `${field} larger than allowed: ${bytes} > ${max} bytes.`);
}

/** OW-2. */
export function notAuthenticated(text: string): ApiError {
  const challenge = 'Basic realm="OpenWhisk secure realm",charset=UTF-8';
  return new ApiError(401, text, { headers: ['WWW-Authenticate', challenge] });
}

/** OW-10; `what` is `namespace/name`, or the namespace of a listing. */
export function notEntitled(what: string): ApiError {
  return new ApiError(403, `The supplied authentication is not authorized to access '${what}'.`);
}

export function noSuchEntity(): ApiError {
  return new ApiError(404, 'The requested resource does not exist.');
}

/** OW-12: an error of the server itself. */
export function internalError(cause: unknown): ApiError {
  return new ApiError(500, 'There was an internal server error.', { cause });
}

export function noSuchRoute(): ApiError {
  return new ApiError(404, 'The requested resource could not be found.');
}

/** OW-84. */
export function methodNotAllowed(...methods: readonly string[]): ApiError {
  const allowed = methods.join(', ');
  return new ApiError(405, `HTTP method not allowed, supported methods: ${allowed}`, { headers: ['Allow', allowed] });
}

/** OW-14. */
export function inOtherCollection(): ApiError {
  return new ApiError(409, 'Resource by this name exists but is not in this collection.');
}

export function unsupportedContentType(contentType: string): ApiError {
  return new ApiError(415, `The request's Content-Type [${contentType}] is not supported. Expected:\napplication/json`);
}

const RETRY_AFTER_S = 5;

/** OW-12: the same request may succeed later. */
export function unavailable(text: string, cause?: unknown): ApiError {
  return new ApiError(503, text, { cause, headers: ['Retry-After', String(RETRY_AFTER_S)] });
}

/** OW-12; `why` is added to the text for the caller. */
export function overloaded(cause?: unknown, why?: string): ApiError {
  const text = 'The server is currently unavailable (because it is overloaded or down for maintenance).';
  return unavailable(why === undefined ? text : `${text} ${why}`, cause);
}
