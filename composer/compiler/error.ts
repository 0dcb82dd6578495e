/** A composition that cannot be compiled. `path` is the place in it, as in Composer's messages: `root[1].body`. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly code = 'COMPILE';
  readonly path: string;

  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.path = path;
  }
}
