/** An answer that refuses a request: OpenWhisk's status and text (OW-4). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, text: string, options?: ErrorOptions) {
    super(text, options);
    this.status = status;
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

/** OW-10; `what` is `namespace/name`, or the namespace of a listing. */
export function notEntitled(what: string): ApiError {
  return new ApiError(403, `The supplied authentication is not authorized to access '${what}'.`);
}

export function noSuchEntity(): ApiError {
  return new ApiError(404, 'The requested resource does not exist.');
}

export function noSuchRoute(): ApiError {
  return new ApiError(404, 'The requested resource could not be found.');
}

export function unsupportedContentType(contentType: string): ApiError {
  return new ApiError(415, `The request's Content-Type [${contentType}] is not supported. Expected:\napplication/json`);
}

/** OW-12. */
export function overloaded(cause?: unknown): ApiError {
  return new ApiError(503, 'The server is currently unavailable (because it is overloaded or down for maintenance).', {
    cause,
  });
}
