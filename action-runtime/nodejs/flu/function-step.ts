import { Script } from 'node:vm';
import {
  type EncodedValue,
  Outcome,
  Shape,
  type StepFunction,
  bytesOf,
  decodeValue,
  encodeValue,
} from '../../protocol/index.js';
import { printable } from '../bridge/user-stack.js';
import { refuseHandedOver } from './hand-over.js';
import { type LetFrame, visibleFrames } from './step-environment.js';
import { type EncodedOutcome, errorAlone } from './outcome.js';
import { importModuleDynamically, requireFor } from './user-modules.js';

const FILE_NAME = 'function.js';

type Wrapper = (params: unknown, env: Record<string, unknown>, require: NodeJS.Require) => unknown;
const wrappers = new Map<string, Wrapper>();
const MAX_WRAPPERS = 1000;
let stepRequire: NodeJS.Require | undefined;

/**
 * Wraps a composition's function into one that takes its parameters and its variables. The variables become `var`
 * declarations around the code, and are written back after its synchronous part, whether it throws or not.
 */
function wrapperOf(code: string, names: readonly string[]): Wrapper {
  const key = `${names.join('\n')}\n\n${code}`;
  let wrapper = wrappers.get(key);
  if (wrapper === undefined) {
    const declare = names.map((name) => `var ${name}=arguments[1]['${name}'];`).join('');
    const writeBack = names.map((name) => `arguments[1]['${name}']=${name};`).join('');
    const before = `(function(){try{const require=arguments[2];${declare}return eval((function(){return(`;
    // In the global scope and not strict, as in Composer. Line and column numbers are those of the function's text.
    const script = new Script(`${before}${code})})())(arguments[0])}finally{${writeBack}}})`, {
      filename: FILE_NAME,
      columnOffset: -before.length,
      importModuleDynamically,
    });
    wrapper = script.runInThisContext() as Wrapper;
    if (wrappers.size >= MAX_WRAPPERS) wrappers.clear();
    wrappers.set(key, wrapper);
  }
  return wrapper;
}

function jsonCopy(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

/** Calls one function in the environment of `frames`, which take its writes. */
function call(code: string, params: unknown, frames: readonly LetFrame[]): unknown {
  const visible = visibleFrames(frames);
  const env: Record<string, unknown> = {};
  for (let i = visible.length - 1; i >= 0; i--) Object.assign(env, visible[i]!.vars);
  const names = Object.keys(env);
  const wrapper = wrapperOf(code, names);
  try {
    return wrapper(params, env, (stepRequire ??= requireFor(FILE_NAME)));
  } finally {
    for (const name of names) {
      const owner = visible.find((frame) => Object.hasOwn(frame.vars, name));
      // A variable without a JSON form (undefined, a function) makes the function fail here.
      if (owner !== undefined) owner.vars[name] = jsonCopy(env[name]);
    }
  }
}

/** Runs the functions of one step, one after the other, up to the first error; `frames` take their writes. */
export async function runFunctions(
  functions: readonly StepFunction[],
  input: unknown,
  frames: readonly LetFrame[],
): Promise<EncodedOutcome> {
  let params = input;
  let encoded: EncodedValue | undefined;
  for (const { code, path } of functions) {
    if (encoded !== undefined) params = decoded(encoded);
    let result: unknown;
    try {
      result = await call(code, params, frames);
    } catch (error) {
      console.error(printable(error));
      result = { error: `Function combinator threw an exception at AST node root${path} (see log for details)` };
    }
    if (typeof result === 'function')
      result = { error: `Function combinator evaluated to a function type at AST node root${path}` };
    try {
      encoded = normalized(result === undefined ? params : result);
    } catch (error) {
      encoded = encodeValue({ error: `Internal error: ${error instanceof Error ? error.message : String(error)}` });
    }
    if ((encoded.shape & Shape.ERROR) !== 0)
      return { outcome: Outcome.APPLICATION_ERROR, value: encoded, spent: false };
  }
  return { outcome: Outcome.OK, value: encoded ?? normalized(input), spent: false };
}

/** A result as compositions pass it on: its JSON copy, wrapped as `{value}` unless it is a plain object, an error without other members. */
function normalized(result: unknown): EncodedValue {
  const encoded = encodeValue(result, refuseHandedOver);
  // The message of JSON.parse, to which Composer passes the result of JSON.stringify.
  if (encoded.absent === true) throw new SyntaxError('"undefined" is not valid JSON');
  if ((encoded.shape & Shape.OBJECT) === 0) return encodeValue({ value: decoded(encoded) });
  return (encoded.shape & Shape.ERROR) === 0 ? encoded : errorAlone(encoded);
}

function decoded(value: EncodedValue): unknown {
  return decodeValue(bytesOf(value));
}
