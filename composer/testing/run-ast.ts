/* eslint @typescript-eslint/no-explicit-any: off, @typescript-eslint/no-unsafe-assignment: off, @typescript-eslint/no-unsafe-member-access: off, @typescript-eslint/no-unsafe-argument: off, @typescript-eslint/no-unsafe-call: off, @typescript-eslint/no-unsafe-return: off -- the tests look into JSON of any form */
import { copy, norm, runFunction, type Env, type Json, type Outcome } from './functions.js';
import type { Invoke } from './run-graph.js';

/**
 * An interpreter of compositions as written: no graph, no lowering. Gives the result, or the error that
 * nothing caught.
 */
export async function runAst(ast: any, params: Json, invoke: Invoke): Promise<Json> {
  const { value } = await run(ast, '', { ok: true, value: copy(params), env: [] }, invoke);
  return value;
}

async function body(node: any, path: string, input: Outcome, invoke: Invoke): Promise<Outcome> {
  if (node.components.length === 0) return norm(input.value, input.env);
  let at = input;
  for (const [i, part] of node.components.entries()) {
    if (at.ok) at = await run(part, `${path}[${i}]`, at, invoke);
  }
  return at;
}

const saved = (value: Json): Json => (value.error === undefined ? value : { error: value.error });

async function run(node: any, path: string, given: Outcome, invoke: Invoke): Promise<Outcome> {
  const input = copy(given);
  const { value, env } = input;
  const inner = (name: string, from: Outcome): Promise<Outcome> => run(node[name], `${path}.${name}`, from, invoke);
  const framed = async (frame: Env[number]): Promise<Outcome> => {
    const ended = await body(node, path, { ...input, env: [...env, frame] }, invoke);
    return { ...ended, env: ended.env.slice(0, env.length) };
  };
  const choose = async (test: Outcome, branchInput: (test: Outcome) => Json): Promise<Outcome> =>
    test.ok ? inner(test.value.value ? 'consequent' : 'alternate', { ...test, value: branchInput(test) }) : test;
  switch (node.type) {
    case 'action':
      return norm(copy((await invoke(node.name, value)) ?? {}), env);
    case 'function':
      return runFunction(node.function.exec.code, path, value, env);
    case 'literal':
    case 'value':
      return norm(node.value, env);
    case 'empty':
      return norm(value, env);
    case 'seq':
    case 'sequence':
      return body(node, path, input, invoke);
    case 'let':
      return framed({ vars: copy(node.declarations) });
    case 'mask':
      return framed(null);
    case 'if':
      return choose(await inner('test', { ...input, value: saved(value) }), () => saved(value));
    case 'if_nosave':
      return choose(await inner('test', input), (test) => test.value);
    case 'try': {
      const ended = await inner('body', input);
      return ended.ok ? ended : inner('handler', { ok: true, value: ended.value, env: ended.env.slice(0, env.length) });
    }
    case 'finally': {
      const ended = await inner('body', input);
      return inner('finalizer', { ok: true, value: ended.value, env: ended.env.slice(0, env.length) });
    }
    case 'retain': {
      const ended = await body(node, path, { ...input, value: saved(value) }, invoke);
      return ended.ok ? { ...ended, value: { params: value, result: ended.value } } : ended;
    }
    case 'par':
    case 'parallel': {
      const results: Json[] = [];
      for (const [i, part] of node.components.entries()) {
        results.push((await run(part, `${path}[${i}]`, input, invoke)).value);
      }
      return { ok: true, value: { value: results }, env };
    }
    case 'map': {
      const elements: unknown = value.value || [];
      if (!Array.isArray(elements)) {
        const error = `Parallel combinator failed to invoke a composition at AST node root${path} (see log for details)`;
        return { ok: false, value: { error }, env };
      }
      const results: Json[] = [];
      for (const element of elements as unknown[]) {
        const boxed = norm(element, env).ok ? norm(element, env).value : (element as Json);
        results.push((await body(node, path, { ok: true, value: boxed, env }, invoke)).value);
      }
      return { ok: true, value: { value: results }, env };
    }
    default:
      throw new Error(`no ${node.type} here`);
  }
}
