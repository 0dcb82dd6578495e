import type { Graph } from '@dataflower/composer/graph';
import type { Plan } from './plan.js';
import { compilePlan, planning } from './compiler.js';
import type { Turns, Work } from '../turns/turns.js';

/** Number of nodes and edges up to which a graph is compiled at once. */
const COMPILED_AT_ONCE = 1000;

/** A graph's plan, the error of a graph without one, or the callers that wait for either. */
type Known = { readonly plan: Plan } | { readonly error: unknown } | { readonly waiting: (() => void)[] };

/** The plans of graphs, compiled once; an error is kept too. Large graphs are compiled in turns of the event loop. */
export class Plans {
  readonly #known = new WeakMap<Graph, Known>();

  readonly #turns: Turns;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** The plan of a graph; undefined: call `whenKnown` first. Throws for a graph that is not valid. */
  of(graph: Graph): Plan | undefined {
    const known = this.#known.get(graph) ?? this.#compiled(graph);
    if (known === undefined || 'waiting' in known) return undefined;
    if ('error' in known) throw known.error;
    return known.plan;
  }

  /** Calls back in a later turn, when `of` returns a plan or throws. */
  whenKnown(graph: Graph, callback: () => void): void {
    const known = this.#known.get(graph);
    if (known !== undefined && 'waiting' in known) {
      known.waiting.push(callback);
      return;
    }
    const waiting = [callback];
    this.#known.set(graph, { waiting });
    this.#turns.run(this.#planning(graph), () => {
      for (const told of waiting) setImmediate(told);
    });
  }

  #compiled(graph: Graph): Known | undefined {
    if (graph.nodes.length + graph.edges.length > COMPILED_AT_ONCE) return undefined;
    let known: Known;
    try {
      known = { plan: compilePlan(graph) };
    } catch (error) {
      known = { error };
    }
    this.#known.set(graph, known);
    return known;
  }

  *#planning(graph: Graph): Work {
    try {
      this.#known.set(graph, { plan: yield* planning(graph) });
    } catch (error) {
      this.#known.set(graph, { error });
    }
  }
}
