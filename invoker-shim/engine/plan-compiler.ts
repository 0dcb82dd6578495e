import type { Definition } from '@dataflower/action-runtime/protocol';
import {
  type Graph,
  type GraphNode,
  type Scopes,
  USER,
  inputPorts,
  outputPorts,
  scopes,
  splitEndpoint,
} from '@dataflower/composer/graph';
import type { Frame } from './environment.js';
import { Choice, FanOut } from './learned.js';
import type { Plan, PlanInput, PlanNode, PlanOutput } from './plan.js';
import { type Successor, successorsOf } from './successors.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type DraftInput = Mutable<PlanInput>;
type Draft = Omit<Mutable<PlanNode>, 'inputs'> & { inputs: DraftInput[] };

/** Slots whose environment and component count an operator goes on with, by its kind. */
const LEADING: Readonly<Record<string, string>> = { gate: 'test', retain: 'result', gather: 'scope', join: 'scope' };

/** Compiles a valid graph, in work proportional to its size. Throws GraphError for one that never passed `validateGraph`. */
export function compilePlan(graph: Graph): Plan {
  const scopeOf = scopes(graph);
  const drafts = graph.nodes.map((node, index) => draft(node, index, scopeOf.get(node.id)?.length ?? 0));
  const user = userNode(graph, drafts.length);
  const all = [...drafts, user];
  const byId = new Map(all.map((node) => [node.id, node]));
  const inputs: DraftInput[] = [];
  const byPort = new Map<string, DraftInput>();
  for (const node of all) {
    for (const input of node.inputs) {
      input.index = inputs.push(input) - 1;
      byPort.set(`${node.id}.${input.name}`, input);
    }
  }
  const edgesOf = new Map<string, DraftInput[]>();
  const counted = new Map<string, Set<DraftInput>>();
  for (const { from, to } of graph.edges) {
    const input = byPort.get(to)!;
    add(edgesOf, from, input);
    const { node, port } = splitEndpoint(from)!;
    if (node === USER) continue;
    const producer = byId.get(node)!;
    const foreach = outputPorts(producer.node as GraphNode)[port] === 'FOREACH';
    input.depth = producer.depth + (foreach ? 1 : 0) - (input.list ? 1 : 0);
    const scope = foreach ? from : scopeOf.get(node)!.at(-1);
    if (input.list && scope !== undefined) collect(counted, scope, input);
  }
  countOuter(drafts, scopeOf, inputs, counted);
  for (const node of all) node.simple = node.depth === 0 && node.inputs.length === 1 && !node.inputs[0]!.list;
  for (const node of drafts) wireOutputs(node, edgesOf, counted);
  return { nodes: all, inputs, params: edgesOf.get(`${USER}.params`) ?? [], named: namedParameters(edgesOf), user };
}

function add(map: Map<string, DraftInput[]>, key: string, input: DraftInput): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [input]);
  else list.push(input);
}

function collect(map: Map<string, Set<DraftInput>>, key: string, input: DraftInput): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([input]));
  else set.add(input);
}

function draft(node: GraphNode, index: number, depth: number): Draft {
  let successors: Successor[] | undefined;
  const result: Draft = {
    index,
    id: node.id,
    node,
    depth,
    inputs: [],
    outputs: new Map(),
    out: undefined,
    error: undefined,
    foreach: [],
    simple: false,
    leadingSlot: -1,
    definition: undefined,
    frame: frameOf(node),
    // Looked for when they are first asked for: the edges are not there yet, and many graphs run but once.
    successors: () => (successors ??= successorsOf(result)),
  };
  result.inputs = Object.entries(inputPorts(node)).map(([name, { type }], slot) =>
    inputOf(result, name, slot, type === 'LIST'),
  );
  const leading = LEADING[node.kind];
  if (leading !== undefined) result.leadingSlot = result.inputs.findIndex(({ name }) => name === leading);
  return result;
}

function userNode(graph: Graph, index: number): Draft {
  const result = draft({ kind: 'norm', id: USER }, index, 0);
  result.node = { kind: 'user', id: USER };
  const names = new Set(
    graph.edges
      .map(({ to }) => splitEndpoint(to)!)
      .filter(({ node }) => node === USER)
      .map(({ port }) => port),
  );
  result.inputs = [...names].map((name, slot) => inputOf(result, name, slot, false));
  return result;
}

function inputOf(node: Draft, name: string, slot: number, list: boolean): DraftInput {
  return { index: -1, node, slot, name, list, depth: 0, outerCount: false };
}

/** A value from outside has to hear the counts of all scopes between its own and the node's. */
function countOuter(
  drafts: readonly Draft[],
  scopeOf: Scopes,
  inputs: DraftInput[],
  counted: Map<string, Set<DraftInput>>,
): void {
  for (const node of drafts) {
    const scope = scopeOf.get(node.id)!;
    for (const input of node.inputs) {
      for (const endpoint of scope.slice(input.depth)) {
        const alias = { ...input, index: inputs.length, outerCount: true };
        inputs.push(alias);
        collect(counted, endpoint, alias);
      }
    }
  }
}

function wireOutputs(
  node: Draft,
  edgesOf: ReadonlyMap<string, DraftInput[]>,
  counted: ReadonlyMap<string, Set<DraftInput>>,
): void {
  const outputs = new Map<string, PlanOutput>();
  const ports = Object.entries(outputPorts(node.node as GraphNode));
  const ways = ports.filter(([, type]) => type === 'SWITCH').length;
  const choice = ways > 0 ? new Choice(ways) : undefined;
  for (const [name, type] of ports) {
    const endpoint = `${node.id}.${name}`;
    const edges = edgesOf.get(endpoint) ?? [];
    if (edges.length === 0 && name !== 'out') continue;
    const branch = node.node.kind === 'action' && type === 'SWITCH';
    outputs.set(name, {
      name,
      foreach: type === 'FOREACH',
      branch,
      edges,
      counted: [...(counted.get(endpoint) ?? [])],
      choice: type === 'SWITCH' ? choice : undefined,
      fanOut: type === 'FOREACH' ? new FanOut() : undefined,
    });
  }
  node.outputs = outputs;
  node.out = outputs.get('out');
  node.error = outputs.get('error');
  node.foreach = [...outputs.values()].filter((output) => output.foreach);
  node.definition = definitionOf(node);
}

function frameOf(node: GraphNode): string | undefined {
  if (node.kind === 'let') return JSON.stringify({ vars: node.declarations } satisfies Frame);
  return node.kind === 'mask' ? JSON.stringify({ mask: true } satisfies Frame) : undefined;
}

function definitionOf(node: Draft): Definition | undefined {
  const spec = node.node;
  if (spec.kind === 'function') return { outputs: [], ports: false, functions: spec.functions };
  if (spec.kind !== 'action') return undefined;
  const outputs = [...node.outputs.keys()].filter((name) => name !== 'out' && name !== 'error');
  const ports = node.inputs.length > 1;
  return outputs.length === 0 && !ports ? undefined : { outputs, ports };
}

function namedParameters(edgesOf: ReadonlyMap<string, readonly PlanInput[]>): Map<string, readonly PlanInput[]> {
  const named = new Map<string, readonly PlanInput[]>();
  for (const [from, edges] of edgesOf) {
    const { node, port } = splitEndpoint(from)!;
    if (node === USER && port !== 'params') named.set(port, edges);
  }
  return named;
}
