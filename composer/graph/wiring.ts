import { GraphError } from './error.js';
import { USER, inputPorts, outputPorts, splitEndpoint } from './ports.js';
import type { Edge, Graph, GraphNode, InputType, OutputType } from './types.js';

/** Names that an error's text has at most. */
const MAX_SHOWN = 20;

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

/** The graph indexed by node, for the checks and the drawings. */
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
  name: string,
  ports: Readonly<Record<string, unknown>> | undefined,
  what: string,
): void {
  if (node === undefined || ports === undefined) {
    throw new GraphError('NO_SUCH_NODE', path, `"${endpoint}" names a node that is not in the graph`);
  }
  if (Object.hasOwn(ports, name)) return;
  const has = someOf(Object.keys(ports));
  throw new GraphError(
    'NO_SUCH_PORT',
    path,
    `node "${node.id}" (${node.kind}) has no ${what} port "${name}"; it has ${has}`,
  );
}

/** Names for an error's text: a graph may have tens of thousands. */
function someOf(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const shown = names.slice(0, MAX_SHOWN).join(', ');
  return names.length > MAX_SHOWN ? `${shown} and ${names.length - MAX_SHOWN} more` : shown;
}

/**
 * A join of any width is a few bytes of JSON: before its ports are made there must be an edge for each. So the ports of
 * all nodes together are never more than the JSON has members.
 */
function checkWidths(graph: Graph): void {
  const wide = graph.nodes.some((node) => node.kind === 'join' && node.width > 0);
  if (!wide) return;
  const fed = new Map<string, Set<string>>();
  for (const { to } of graph.edges) {
    const { node, port } = splitEndpoint(to)!;
    const ports = fed.get(node);
    if (ports === undefined) fed.set(node, new Set([port]));
    else ports.add(port);
  }
  graph.nodes.forEach((node, i) => {
    if (node.kind !== 'join') return;
    const ports = fed.get(node.id);
    let port = 0;
    while (port < node.width && ports?.has(String(port)) === true) port++;
    if (port < node.width) throw unfed(i, `${node.id}.${port}`);
  });
}

function unfed(index: number, endpoint: string): GraphError {
  return new GraphError(
    'NO_PRODUCER',
    `nodes[${index}]`,
    `nothing feeds "${endpoint}", so the node never runs; add an edge into it`,
  );
}

/**
 * Indexes a graph of the right shape and checks that its edges fit its nodes. Throws `GraphError` for ids given twice,
 * edges from or into nothing, edges given twice, and input ports that nothing feeds.
 */
export function wire(graph: Graph): Wiring {
  const nodes = nodesById(graph);
  checkWidths(graph);
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
      port(nodes.get(from.node), `${path}.from`, edge.from, from.port, outputs.get(from.node), 'output');
    }
    if (to.node !== USER) {
      port(nodes.get(to.node), `${path}.to`, edge.to, to.port, inputs.get(to.node), 'input');
    }
    if (seen.has(`${edge.from} ${edge.to}`)) {
      throw new GraphError('DUPLICATE_EDGE', path, `the edge ${edge.from} → ${edge.to} is there twice; remove one`);
    }
    seen.add(`${edge.from} ${edge.to}`);
    const type = from.node === USER ? 'NORMAL' : outputs.get(from.node)![from.port]!;
    const wire: Wire = { edge, fromNode: from.node, fromPort: from.port, toNode: to.node, toPort: to.port, type };
    push(into, edge.to, wire);
    push(outOf, from.node, wire);
  });
  graph.nodes.forEach((node, i) => {
    for (const [name, { any }] of Object.entries(inputs.get(node.id)!)) {
      const wires = into.get(`${node.id}.${name}`) ?? [];
      if (wires.length === 0) {
        throw unfed(i, `${node.id}.${name}`);
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
      `"${USER}.result" is the whole result, so it cannot be wired together with ${someOf(ends.filter((e) => e !== `${USER}.result`))}`,
    );
  }
}
