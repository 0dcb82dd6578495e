import { GraphError } from './error.js';
import { USER, inputPorts, outputPorts, splitEndpoint } from './ports.js';
import type { Edge, Graph, GraphNode, InputType, OutputType } from './types.js';

/** One edge with its ends taken apart. */
export interface Wire {
  readonly edge: Edge;
  readonly fromNode: string;
  readonly fromPort: string;
  readonly toNode: string;
  readonly toPort: string;
  /** The type of the output that it leaves. */
  readonly type: OutputType;
}

/** The graph by node: what the checks and the drawings walk. */
export interface Wiring {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Into each `node.port`, `$USER`'s too. */
  readonly into: ReadonlyMap<string, readonly Wire[]>;
  /** Out of each node, `$USER` too. */
  readonly outOf: ReadonlyMap<string, readonly Wire[]>;
  /** Input ports of each node. */
  readonly inputs: ReadonlyMap<string, Readonly<Record<string, { type: InputType; any: boolean }>>>;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function nodesById(graph: Graph): Map<string, GraphNode> {
  const nodes = new Map<string, GraphNode>();
  graph.nodes.forEach((node, i) => {
    const path = `nodes[${i}]`;
    if (nodes.has(node.id)) {
      throw new GraphError(
        'DUPLICATE_ID',
        `${path}.id`,
        `another node is called "${node.id}"; ids are unique in a graph`,
      );
    }
    if (node.kind === 'action' && (node.outputs.error ?? 'NORMAL') !== 'NORMAL') {
      throw new GraphError(
        'SHAPE',
        `${path}.outputs.error`,
        'the error port is NORMAL; leave it out or choose another name',
      );
    }
    if (node.kind === 'action' && Object.keys(node.inputs).length === 0) {
      throw new GraphError(
        'NO_PRODUCER',
        `${path}.inputs`,
        'a node without an input never runs; give it one, {"in": "NORMAL"}',
      );
    }
    if (node.kind === 'function' && node.functions.length === 0) {
      throw new GraphError('SHAPE', `${path}.functions`, 'expected at least one function; for none use a norm node');
    }
    if (node.kind === 'switch' && [...node.cases.map((c) => c.port), node.default].includes('error')) {
      throw new GraphError(
        'SHAPE',
        path,
        'a branch cannot be called "error": that is where a value goes that matches nothing',
      );
    }
    nodes.set(node.id, node);
  });
  return nodes;
}

function port(
  node: GraphNode | undefined,
  path: string,
  endpoint: string,
  ports: readonly string[],
  what: string,
): void {
  if (node === undefined) {
    throw new GraphError('NO_SUCH_NODE', path, `"${endpoint}" names a node that is not in the graph`);
  }
  const name = splitEndpoint(endpoint)!.port;
  if (ports.includes(name)) return;
  const has = ports.length === 0 ? 'none' : ports.slice(0, 20).join(', ');
  throw new GraphError(
    'NO_SUCH_PORT',
    path,
    `node "${node.id}" (${node.kind}) has no ${what} port "${name}"; it has ${has}`,
  );
}

/**
 * Indexes a graph of the right shape and checks that its edges fit its nodes. Throws `GraphError` for ids given twice,
 * edges from or into nothing, edges given twice, and input ports that nothing feeds.
 */
export function wire(graph: Graph): Wiring {
  const nodes = nodesById(graph);
  const inputs = new Map([...nodes].map(([id, node]) => [id, inputPorts(node)]));
  const outputs = new Map([...nodes].map(([id, node]) => [id, outputPorts(node)]));
  const into = new Map<string, Wire[]>();
  const outOf = new Map<string, Wire[]>();
  const seen = new Set<string>();
  graph.edges.forEach((edge, i) => {
    const from = splitEndpoint(edge.from)!;
    const to = splitEndpoint(edge.to)!;
    const path = `edges[${i}]`;
    if (from.node !== USER) {
      port(nodes.get(from.node), `${path}.from`, edge.from, Object.keys(outputs.get(from.node) ?? {}), 'output');
    }
    if (to.node !== USER) {
      port(nodes.get(to.node), `${path}.to`, edge.to, Object.keys(inputs.get(to.node) ?? {}), 'input');
    }
    if (seen.has(`${edge.from} ${edge.to}`)) {
      throw new GraphError('DUPLICATE_EDGE', path, `the edge ${edge.from} → ${edge.to} is there twice; remove one`);
    }
    seen.add(`${edge.from} ${edge.to}`);
    const type = outputs.get(from.node)?.[from.port] ?? 'NORMAL';
    const wire: Wire = { edge, fromNode: from.node, fromPort: from.port, toNode: to.node, toPort: to.port, type };
    push(into, edge.to, wire);
    push(outOf, from.node, wire);
  });
  graph.nodes.forEach((node, i) => {
    for (const [name, { any }] of Object.entries(inputs.get(node.id)!)) {
      const wires = into.get(`${node.id}.${name}`) ?? [];
      if (wires.length === 0) {
        throw new GraphError(
          'NO_PRODUCER',
          `nodes[${i}]`,
          `nothing feeds "${node.id}.${name}", so the node never runs; add an edge into it`,
        );
      }
      if (wires.length > 1 && !any) {
        throw new GraphError(
          'NOT_EXCLUSIVE',
          `nodes[${i}]`,
          `"${node.id}.${name}" takes one edge only, found ${wires.length}`,
        );
      }
    }
  });
  checkResult([...into.keys()].filter((to) => to.startsWith(`${USER}.`)));
  return { nodes, into, outOf, inputs };
}

function checkResult(ends: readonly string[]): void {
  if (ends.length === 0) {
    throw new GraphError(
      'NO_RESULT',
      'edges',
      `no edge leads to ${USER}; wire the last node's output to "${USER}.result"`,
    );
  }
  if (ends.length > 1 && ends.includes(`${USER}.result`)) {
    throw new GraphError(
      'NO_RESULT',
      'edges',
      `"${USER}.result" is the whole result, so it cannot be wired together with ${ends.filter((e) => e !== `${USER}.result`).join(', ')}`,
    );
  }
}
