import { primitives } from './combinators/combinator.js';
import {
  action,
  combinatorOf,
  inlineFunction,
  task,
  type ActionOptions,
  type Composition,
  type Task,
} from './combinators/composition.js';
import { derived } from './combinators/derived.js';
import { graph } from './combinators/graph-form.js';
import { parse } from './combinators/parse.js';

type Components = (...components: Task[]) => Composition;
type Choice = (test: Task, consequent: Task, alternate?: Task) => Composition;

/** The combinators by Composer's names, with Composer's semantics and messages (Composer's rules of combinators). */
const composer = {
  /** One after the other; ends at the first error. */
  sequence: combinatorOf('sequence', primitives.sequence) as Components,
  seq: combinatorOf('seq', derived.seq) as Components,
  /** An action by name. */
  action: action as (name: string, options?: ActionOptions) => Composition,
  /** A function that runs inside the composition. */
  function: inlineFunction as (
    code: string | ((...args: never[]) => unknown) | Readonly<Record<string, unknown>>,
  ) => Composition,
  /** A constant result. */
  literal: combinatorOf('literal', derived.literal),
  value: combinatorOf('value', derived.value),
  /** Chooses a branch by the test's `value`; the branch gets the input of the test. */
  if: combinatorOf('if', derived.if) as Choice,
  /** Chooses a branch by the test's `value`; the branch gets the test's result. */
  if_nosave: combinatorOf('if_nosave', primitives.if_nosave) as Choice,
  /** The handler gets the body's error and its result is the result. */
  try: combinatorOf('try', primitives.try) as (body: Task, handler: Task) => Composition,
  /** The finalizer gets the body's result or error, and its result is the result. */
  finally: combinatorOf('finally', primitives.finally) as (body: Task, finalizer: Task) => Composition,
  /** Variables for the functions inside. */
  let: combinatorOf('let', primitives.let) as (declarations: object, ...components: Task[]) => Composition,
  /** Hides the innermost variables. */
  mask: combinatorOf('mask', primitives.mask) as Components,
  /** Runs the components on each element of `value` at once. */
  map: combinatorOf('map', primitives.map) as Components,
  /** Runs the components at once, each on the same input. */
  parallel: combinatorOf('parallel', primitives.parallel) as Components,
  par: combinatorOf('par', derived.par) as Components,
  /** Does nothing. */
  empty: combinatorOf('empty', derived.empty),
  /** The composition of a string, a function or null. */
  task: task as (task: Task) => Composition,
  /** `{params, result}`: the input beside the result. */
  retain: combinatorOf('retain', derived.retain) as Components,
  /** The composition of a JSON form. */
  parse,
  /** A workflow given as nodes and edges. */
  graph,
} as const;

const { sequence, seq, literal, value, if_nosave, mask, map, parallel, par, empty, retain } = composer;
const { if: ifThen, try: tryCatch, finally: tryFinally, let: letIn, function: functionOf } = composer;

export { composer as default, composer as 'module.exports' };
export {
  sequence,
  seq,
  action,
  literal,
  value,
  if_nosave,
  mask,
  map,
  parallel,
  par,
  empty,
  task,
  retain,
  parse,
  graph,
};
export { functionOf as function, ifThen as if, tryCatch as try, tryFinally as finally, letIn as let };
export { ComposerError } from './combinators/combinator.js';
export { Composition, type ActionOptions, type Compiled, type Task } from './combinators/composition.js';
export { isGraphForm, type GraphForm, type WrittenAction, type WrittenGraph } from './combinators/graph-form.js';
export { fqn } from './graph/fqn.js';
export { version } from './combinators/version.js';
