import { checkExclusive } from './exclusive.js';
import { topologicalOrder } from './order.js';
import { checkShape } from './schema.js';
import { scopesOf } from './scopes.js';
import type { Graph } from './types.js';
import { wire } from './wiring.js';

/**
 * Takes JSON from anywhere and gives it back as a graph that can run, the same object. Throws `GraphError`, whose code,
 * path and message say what is wrong, where, and what to do.
 */
export function validateGraph(json: unknown): Graph {
  checkShape(json);
  const wiring = wire(json);
  const order = topologicalOrder(wiring);
  scopesOf(wiring, order);
  checkExclusive(wiring, order);
  return json;
}
