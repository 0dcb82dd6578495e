import { checkExclusive } from './exclusive.js';
import { topologicalOrder } from './order.js';
import { checkShape } from './schema.js';
import { scopesOf } from './scopes.js';
import type { Graph } from './types.js';
import { wire } from './wiring.js';

/**
 * Checks that JSON is a graph that can run, and returns the same object. Throws `GraphError` with code, path and a message
 * that names the remedy.
 */
export function validateGraph(json: unknown): Graph {
  checkShape(json);
  const wiring = wire(json);
  const order = topologicalOrder(wiring);
  scopesOf(wiring, order);
  checkExclusive(wiring, order);
  return json;
}
