import { recorder } from './actions.js';
import type { Json } from './functions.js';
import type { Invoke } from './run-graph.js';

/** The visible part of a run. */
export interface Seen {
  readonly result: Json;
  /** The invocations: in order, or sorted when branches ran at once. */
  readonly calls: readonly string[];
}

/** Runs a composition, given by its AST, and keeps the visible part of it. */
export async function seen(ast: unknown, run: (invoke: Invoke) => Promise<Json>): Promise<Seen> {
  const { invoke, calls } = recorder();
  const result = await run(invoke);
  const texts = calls.map((call) => JSON.stringify(call));
  return { result, calls: /"type":"(?:map|par|parallel)"/.test(JSON.stringify(ast)) ? texts.sort() : texts };
}
