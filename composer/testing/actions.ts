import type { Json } from './functions.js';
import type { Invoke } from './run-graph.js';

type Action = (params: Json) => unknown;

/** The actions of the tests: from input to result. */
const actions: Readonly<Record<string, Action>> = {
  '/_/echo': (params) => params,
  '/_/fail': () => ({ error: 'boom', extra: 1 }),
  '/_/rec': (params) => ({ got: params }),
  '/_/inc': (params) => ({ n: (params.n as number) + 1 }),
  '/_/list': () => ({ value: [1, null, 'a', { n: 1 }, { error: 'e', k: 1 }] }),
  '/_/true': () => ({ value: true }),
};

/** Invokes them, and keeps a list of the invocations. */
export function recorder(): { invoke: Invoke; calls: { action: string; params: Json }[] } {
  const calls: { action: string; params: Json }[] = [];
  return {
    calls,
    invoke: (action, params) => {
      calls.push({ action, params });
      const run = actions[action];
      if (run !== undefined) return Promise.resolve(run(params));
      return Promise.resolve({ error: `Failed to resolve action with name '${action}' during composition.` });
    },
  };
}
