import type { Definition } from '@dataflower/action-runtime/protocol';
import { type ActionNode, type FunctionNode, type Graph, type GraphNode, type OperatorNode, USER, inputPorts, outputPorts, scopes, splitEndpoint } from '@dataflower/composer/graph';

/** A graph made ready to run: names are numbers, and everything that only depends on the graph is worked out. */
export interface Plan {
  readonly nodes: readonly PlanNode[];
  /** Every input port of every node; a token names its port by the index here. */
  readonly inputs: readonly PlanInput[];
  /** What the caller feeds: the whole parameters, and single ones by name. */
  readonly params: readonly PlanInput[];
  readonly named: ReadonlyMap<string, readonly PlanInput[]>;
  /** The node that stands for the caller's end; its index is the last. */
  readonly user: PlanNode;
}

/** One input port of a node. */
export interface PlanInput {
  readonly index: number;
  readonly node: PlanNode;
  /** Position among the node's inputs. */
  readonly slot: number;
  readonly name: string;
  readonly list: boolean;
  /** Length of the tag that a value has when it fills the slot (of a LIST: after collecting). */
  readonly depth: number;
  /** A second number of the same port, for the counts that say how many instances a value from outside has to serve. */
  readonly outerCount: boolean;
}

export interface PlanOutput {
  readonly name: string;
  readonly foreach: boolean;
  readonly edges: readonly PlanInput[];
  /** Ports that must hear how many values left by this output: LIST ports that collect them, and values from outside. */
  readonly counted: readonly PlanInput[];
}

export interface PlanNode {
  readonly index: number;
  readonly id: string;
  /** The caller's end has kind `user`. */
  readonly node: ActionNode | FunctionNode | OperatorNode | UserNode;
  /** Length of the tags of its instances. */
  readonly depth: number;
  readonly inputs: readonly PlanInput[];
  readonly outputs: ReadonlyMap<string, PlanOutput>;
  readonly out: PlanOutput | undefined;
  readonly error: PlanOutput | undefined;
  readonly foreach: readonly PlanOutput[];
  /** One NORMAL input outside every scatter: a token is an instance, nothing to match. */
  readonly simple: boolean;
  /** Slot whose environment and component count the node goes on with; −1: the first with one. */
  readonly leadingSlot: number;
  readonly definition: Definition | undefined;
  /** Action and function nodes that may run next: their containers are warmed when this one starts. */
  readonly successors: readonly PlanNode[];
}

export interface UserNode {
  readonly kind: 'user';
  readonly id: typeof USER;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Omit<Mutable<PlanNode>, 'inputs'> & { inputs: Mutable<PlanInput>[] };

/** Compiles a valid graph. Throws GraphError for one that never passed `validateGraph`. */
export function compilePlan(graph: Graph): Plan {
  const scopeOf = scopes(graph);
  const drafts = graph.nodes.map((node, index) => draft(node, index, scopeOf.get(node.id)?.length ?? 0));
  const user = userNode(graph, drafts.length);
  const byId = new Map<string, Draft>([...drafts, user].map((node) => [node.id, node]));
  const inputs: PlanInput[] = [];
  for (const node of [...drafts, user]) for (const input of node.inputs) input.index = inputs.push(input) - 1;

  const edgesOf = new Map<string, PlanInput[]>();
  for (const edge of graph.edges) {
    const to = splitEndpoint(edge.to)!;
    const input = byId.get(to.node)!.inputs.find((candidate) => candidate.name === to.port)!;
    const list = edgesOf.get(edge.from);
    if (list === undefined) edgesOf.set(edge.from, [input]);
    else list.push(input);
    const from = splitEndpoint(edge.from)!;
    if (from.node === USER) continue;
    const producer = byId.get(from.node)!;
    const foreach = outputPorts(producer.node as GraphNode)[from.port] === 'FOREACH';
    (input as Mutable<PlanInput>).depth = producer.depth + (foreach ? 1 : 0) - (input.list ? 1 : 0);
  }

  for (const node of [...drafts, user]) {
    node.simple = node.depth === 0 && node.inputs.length === 1 && !node.inputs[0]!.list;
  }
  for (const node of drafts) {
    const outputs = new Map<string, PlanOutput>();
    for (const [name, type] of Object.entries(outputPorts(node.node as GraphNode))) {
      const endpoint = `${node.id}.${name}`;
      const foreach = type === 'FOREACH';
      const edges = edgesOf.get(endpoint) ?? [];
      if (edges.length === 0 && name !== 'out') continue;
      outputs.set(name, { name, foreach, edges, counted: foreach ? countedBy(graph, endpoint, scopeOf, byId, inputs) : [] });
    }
    node.outputs = outputs;
    node.out = outputs.get('out');
    node.error = outputs.get('error');
    node.foreach = [...outputs.values()].filter((output) => output.foreach);
    node.definition = definitionOf(node);
  }
  for (const node of drafts) node.successors = successorsOf(node);
  return { nodes: [...drafts, user], inputs, params: edgesOf.get(`${USER}.params`) ?? [], named: namedParameters(edgesOf), user };
}

function draft(node: GraphNode, index: number, depth: number): Draft {
  const result: Draft = {
    index, id: node.id, node, depth, inputs: [], outputs: new Map(), out: undefined, error: undefined, foreach: [], simple: false,
    leadingSlot: -1, definition: undefined, successors: [],
  };
  result.inputs = Object.entries(inputPorts(node)).map(([name, { type }], slot) => ({ index: -1, node: result, slot, name, list: type === 'LIST', depth: 0, outerCount: false }));
  const leading = { gate: 'test', retain: 'result', gather: 'scope', join: 'scope' }[node.kind as string];
  if (leading !== undefined) result.leadingSlot = result.inputs.findIndex(({ name }) => name === leading);
  return result;
}

function userNode(graph: Graph, index: number): Draft {
  const result = draft({ kind: 'norm', id: USER } as GraphNode, index, 0);
  result.node = { kind: 'user', id: USER };
  const names = new Set(graph.edges.map(({ to }) => splitEndpoint(to)!).filter(({ node }) => node === USER).map(({ port }) => port));
  result.inputs = [...names].map((name, slot) => ({ index: -1, node: result, slot, name, list: false, depth: 0, outerCount: false }));
  return result;
}

function namedParameters(edgesOf: ReadonlyMap<string, readonly PlanInput[]>): Map<string, readonly PlanInput[]> {
  const named = new Map<string, readonly PlanInput[]>();
  for (const [from, edges] of edgesOf) {
    const { node, port } = splitEndpoint(from)!;
    if (node === USER && port !== 'params') named.set(port, edges);
  }
  return named;
}

/** LIST ports that close the scope of a FOREACH output, and ports inside it that take a value from outside it. */
function countedBy(graph: Graph, endpoint: string, scopeOf: ReadonlyMap<string, readonly string[]>, byId: ReadonlyMap<string, Draft>, inputs: PlanInput[]): PlanInput[] {
  const counted = new Set<PlanInput>();
  for (const edge of graph.edges) {
    const from = splitEndpoint(edge.from)!;
    const to = splitEndpoint(edge.to)!;
    const input = byId.get(to.node)!.inputs.find((candidate) => candidate.name === to.port)!;
    if (!input.list || from.node === USER) continue;
    const scope = edge.from === endpoint ? endpoint : scopeOf.get(from.node)?.at(-1);
    if (scope === endpoint) counted.add(input);
  }
  for (const [id, scope] of scopeOf) {
    const level = scope.indexOf(endpoint);
    if (level < 0) continue;
    for (const input of byId.get(id)!.inputs) {
      if (input.depth > level || input.depth === input.node.depth) continue;
      const alias = { ...input, index: inputs.length, outerCount: true };
      inputs.push(alias);
      counted.add(alias);
    }
  }
  return [...counted];
}

function definitionOf(node: Draft): Definition | undefined {
  const spec = node.node;
  if (spec.kind === 'function') return { outputs: [], ports: false, functions: spec.functions };
  if (spec.kind !== 'action') return undefined;
  const outputs = [...node.outputs.keys()].filter((name) => name !== 'out' && name !== 'error');
  const ports = node.inputs.length > 1;
  return outputs.length === 0 && !ports ? undefined : { outputs, ports };
}

/** The next nodes that run user code, looking through operators. */
function successorsOf(node: Draft): PlanNode[] {
  const found = new Set<PlanNode>();
  const seen = new Set<PlanNode>();
  const visit = (from: PlanNode): void => {
    for (const output of from.outputs.values()) {
      for (const { node: next } of output.edges) {
        if (seen.has(next)) continue;
        seen.add(next);
        if (next.node.kind === 'action' || next.node.kind === 'function') found.add(next);
        else visit(next);
      }
    }
  };
  visit(node);
  return [...found];
}
