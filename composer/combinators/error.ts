import { inspect } from 'node:util';

/** A combinator used wrongly. Messages are Composer's, with the argument as it was given (Composer's rules of arguments). */
export class ComposerError extends Error {
  constructor(message: string, argument?: unknown) {
    super(message + (argument === undefined ? '' : `\nArgument value: ${inspect(argument)}`));
  }
}
