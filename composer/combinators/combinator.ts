import { inspect } from 'node:util';

/** One argument of a combinator; without a type it is a `Task`. */
export interface Argument {
  readonly name: string;
  readonly type?: 'name' | 'value' | 'object';
  readonly optional?: boolean;
}

/** The arguments of a combinator and, when it is not primitive, its lowering to other combinators. */
export interface Combinator {
  readonly args?: readonly Argument[];
  readonly components?: boolean;
  readonly def?: (...args: never[]) => Fields;
}

/** The fields of a composition, before they are checked and after. */
export type Fields = Record<string, unknown> & { type: string; '.combinator': () => Combinator };

/** A combinator with a wrong argument. Messages are Composer's, with the argument as it was given (Composer's rules of arguments). */
export class ComposerError extends Error {
  static readonly codes = ['COMBINATOR_ARGUMENT'] as const;
  readonly code = 'COMBINATOR_ARGUMENT';

  constructor(message: string, argument?: unknown) {
    super(message + (argument === undefined ? '' : `\nArgument value: ${inspect(argument)}`));
  }
}

/** The combinators of a deployed composition. Composer's rules of JSON forms. */
export const primitives = {
  sequence: { components: true },
  if_nosave: { args: [{ name: 'test' }, { name: 'consequent' }, { name: 'alternate', optional: true }] },
  try: { args: [{ name: 'body' }, { name: 'handler' }] },
  finally: { args: [{ name: 'body' }, { name: 'finalizer' }] },
  let: { args: [{ name: 'declarations', type: 'object' }], components: true },
  mask: { components: true },
  action: {
    args: [
      { name: 'name', type: 'name' },
      { name: 'action', type: 'object', optional: true },
    ],
  },
  function: { args: [{ name: 'function', type: 'object' }] },
  parallel: { components: true },
  map: { components: true },
} as const satisfies Readonly<Record<string, Combinator>>;
