import { createRequire } from 'node:module';

/** A frame of variables, or null for a mask; outermost first in an environment. */
export type Frame = { vars: Record<string, unknown> } | null;
export type Env = readonly Frame[];
export type Json = Record<string, unknown>;

/** The outcome of a step: `ok` false is an error on its way to its handler. */
export interface Outcome {
  readonly ok: boolean;
  readonly value: Json;
  readonly env: Env;
}

export const isRecord = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
export const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** norm: boxes a value that is no object, and reduces one with an error to that error. */
export function norm(value: unknown, env: Env): Outcome {
  const boxed = isRecord(value) ? value : { value };
  return boxed.error === undefined
    ? { ok: true, value: boxed, env }
    : { ok: false, value: { error: boxed.error }, env };
}

function visible(env: Env): { vars: Record<string, unknown> }[] {
  const view: { vars: Record<string, unknown> }[] = [];
  let hide = 0;
  for (const frame of env.toReversed()) {
    if (frame === null) hide++;
    else if (hide > 0) hide--;
    else view.push(frame);
  }
  return view;
}

/** Runs an inline function the way Composer's conductor does; the environment given is not changed. */
export async function runFunction(code: string, path: string, params: Json, given: Env): Promise<Outcome> {
  const env = copy(given);
  let result: unknown;
  const input = copy(params);
  try {
    result = await evaluate(code, input, env);
  } catch {
    result = { error: `Function combinator threw an exception at AST node root${path} (see log for details)` };
  }
  if (typeof result === 'function') {
    result = { error: `Function combinator evaluated to a function type at AST node root${path}` };
  }
  return norm(copy(result === undefined ? input : result), env);
}

function evaluate(code: string, params: Json, env: Env): unknown {
  const view = visible(env);
  const vars: Record<string, unknown> = {};
  for (const frame of view.toReversed()) Object.assign(vars, frame.vars);
  const names = Object.keys(vars);
  const declare = names.map((name) => `var ${name}=arguments[1]['${name}'];`).join('');
  const write = names.map((name) => `arguments[1]['${name}']=${name};`).join('');
  const text = `(function(){try{const require=arguments[2];${declare}return eval((function(){return(${code})})())(arguments[0])}finally{${write}}})`;
  try {
    const main = (0, eval)(text) as (...args: unknown[]) => unknown;
    return main(params, vars, createRequire(import.meta.url));
  } finally {
    for (const name of names) {
      const frame = view.find((f) => f.vars[name] !== undefined);
      if (frame !== undefined) frame.vars[name] = copy(vars[name]);
    }
  }
}
