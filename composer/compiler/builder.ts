import { GraphError } from '../graph/error.js';
import { MAX_EDGES, MAX_NODES } from '../graph/schema.js';
import type { Edge, FunctionNode, GraphNode } from '../graph/types.js';
import { USER } from '../graph/ports.js';

const MAX_ID = 200;

/** An output that nothing takes yet, with the number of environment frames that its value carries. */
export interface Source {
  readonly from: string;
  readonly depth: number;
}

/** Where a value may come from: outputs that exclude each other. Empty: it never comes. */
export type Flow = readonly Source[];

/** A graph in the making. Nodes are added producers first. */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  readonly edges: Edge[] = [];
  /** Ids that are taken, each with the last number behind it: deep places end alike, and there may be thousands. */
  readonly #ids = new Map<string, number>();
  /** Function nodes that the next function may join, by their `out`. */
  readonly #runs = new Map<string, { node: FunctionNode; errors: Source[]; depth: number }>();

  /** A new id: the node's kind, then its place. */
  id(what: string, place: string): string {
    // A deep place is long, and each has another: only its end counts.
    const end = place.slice(-MAX_ID).replaceAll('.', '-');
    const wanted = `${what}${end}`.replace(/[^\w[\]-]/g, '_').slice(-MAX_ID);
    const seen = this.#ids.get(wanted);
    this.#ids.set(wanted, 1);
    if (seen === undefined) return wanted;
    let n = seen + 1;
    while (this.#ids.has(`${wanted}_${n}`)) n++;
    this.#ids.set(wanted, n).set(`${wanted}_${n}`, 1);
    return `${wanted}_${n}`;
  }

  /** Adds a node. Throws `GraphError` TOO_LARGE when there are as many as a graph may have. */
  add<N extends GraphNode>(node: N): N {
    if (this.nodes.length === MAX_NODES) throw tooLarge('nodes', MAX_NODES);
    this.nodes.push(node);
    return node;
  }

  /** Adds an edge; throws like `add`. */
  wire(from: string, to: string): void {
    if (this.edges.length === MAX_EDGES) throw tooLarge('edges', MAX_EDGES);
    this.edges.push({ from, to });
  }

  /** Wires a flow into a port that does not look at the environment. */
  connect(flow: Flow, to: string): void {
    for (const { from } of flow) this.wire(from, to);
  }

  /** Wires a flow into a port with an environment of `depth` frames: frames left open on the way are closed first. */
  enter(flow: Flow, to: string, depth: number, place: string): void {
    const deeper = flow.filter((source) => source.depth !== depth);
    this.connect(
      flow.filter((source) => source.depth === depth),
      to,
    );
    if (deeper.length === 0) return;
    const id = this.id('scope', place);
    this.add({ id, kind: 'scope', depth });
    this.connect(deeper, `${id}.in`);
    this.wire(`${id}.out`, to);
  }

  /** Adds a function at the end of a run, or begins one; gives where its value comes from. */
  step(flow: Flow, step: { path: string; code: string }, errors: Source[], depth: number, place: string): Flow {
    const run = flow.length === 1 ? this.#runs.get(flow[0]!.from) : undefined;
    if (run?.errors === errors && run.depth === depth && flow[0]!.depth === depth) {
      (run.node.functions as { path: string; code: string }[]).push(step);
      return flow;
    }
    const node = this.add({ id: this.id('function', place), kind: 'function', functions: [step] });
    this.enter(flow, `${node.id}.in`, depth, place);
    errors.push({ from: `${node.id}.error`, depth });
    this.#runs.set(`${node.id}.out`, { node, errors, depth });
    return [{ from: `${node.id}.out`, depth }];
  }
}

/** The caller's parameters. */
export const CALLER: Flow = [{ from: `${USER}.params`, depth: 0 }];

function tooLarge(what: string, limit: number): GraphError {
  return new GraphError('TOO_LARGE', what, `has more than ${limit} elements, the limit`);
}
