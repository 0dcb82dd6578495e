/** A graph that cannot run. `path` is the place in the JSON; the message names the fault and the remedy. */
export class GraphError extends Error {
  /** One for each rule that `validateGraph` checks. */
  static readonly codes = [
    'SHAPE',
    'UNKNOWN_KIND',
    'TOO_LARGE',
    'DUPLICATE_ID',
    'DUPLICATE_EDGE',
    'BAD_NAME',
    'NO_SUCH_NODE',
    'NO_SUCH_PORT',
    'NO_PRODUCER',
    'NO_RESULT',
    'CYCLE',
    'NOT_EXCLUSIVE',
    'SCOPE',
  ] as const;
  override readonly name = 'GraphError';
  readonly code: GraphErrorCode;
  readonly path: string;

  constructor(code: GraphErrorCode, path: string, message: string) {
    super(path === '' ? message : `${path}: ${message}`);
    this.code = code;
    this.path = path;
  }
}

export type GraphErrorCode = (typeof GraphError.codes)[number];
