import type { Definition } from '@dataflower/action-runtime/protocol';
import {
  type Graph,
  type GraphNode,
  type OutputType,
  USER,
  inputPorts,
  outputPorts,
  splitEndpoint,
} from '@dataflower/composer/graph';
import { Choice, FanOut } from './learned.js';
import type { Plan, PlanInput, PlanNode, PlanOutput, Producer, Successor } from './plan.js';
import { type Scope, type ScopedNode, depthOf, findScopes } from './scopes.js';
import { successorsOf } from './successors.js';

/** One frame of a `let` environment. */
type Frame = { readonly vars: Readonly<Record<string, unknown>> } | { readonly mask: true };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type DraftInput = Mutable<PlanInput>;
type Draft = Omit<Mutable<PlanNode>, 'inputs'> & {
  inputs: DraftInput[];
  readonly ports: Readonly<Record<string, OutputType>>;
};

/** Slots whose environment and component count an operator goes on with, by its kind. */
const LEADING: Readonly<Record<string, string>> = { gate: 'test', retain: 'result', gather: 'scope', join: 'scope' };

/** Limit of the counts that values from outside wait for, in one graph: an input has one for each scope between it and its node. */
const MAX_OUTER_COUNTS = 200_000;

/** Compiles a valid graph at once. Throws for one that never passed `validateGraph`. */
export function compilePlan(graph: Graph): Plan {
  const work = planning(graph);
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Compiles a valid graph, in steps and in work proportional to its size. Throws for one that never passed `validateGraph`. */
export function* planning(graph: Graph): Generator<number, Plan> {
  const drafts: Draft[] = [];
  const scoped = new Map<string, Scoped>();
  for (const node of graph.nodes) {
    const made = draft(node, drafts.length);
    drafts.push(made);
    scoped.set(node.id, new Scoped(made));
    yield 2 + made.inputs.length;
  }
  yield* findScopes(graph, scoped);
  for (const { scope, draft: node } of scoped.values()) node.depth = depthOf(scope);
  const user = userNode(graph, drafts.length);
  const all = [...drafts, user];
  const inputs: DraftInput[] = [];
  const byPort = new Map<string, DraftInput>();
  for (const node of all) {
    for (const input of node.inputs) {
      input.index = inputs.push(input) - 1;
      byPort.set(`${node.id}.${input.name}`, input);
      yield 1;
    }
  }
  const edgesOf = new Map<string, DraftInput[]>();
  const counted = new Map<string, Set<DraftInput>>();
  const fed = new Set<DraftInput>();
  for (const { from, to } of graph.edges) {
    yield 1;
    const input = byPort.get(to);
    if (input === undefined) throw new Error(`no node has the input "${to}"`);
    fed.add(input);
    add(edgesOf, from, input);
    const { node, port } = splitEndpoint(from)!;
    if (node === USER) continue;
    const producer = scoped.get(node)!;
    const foreach = producer.isForeach(port);
    input.depth = producer.draft.depth + (foreach ? 1 : 0) - (input.list ? 1 : 0);
    const scope = foreach ? from : producer.scope?.endpoint;
    if (input.list && scope !== undefined) collect(counted, scope, input);
  }
  const unfed = inputs.find((input) => !fed.has(input));
  if (unfed !== undefined) throw new Error(`nothing feeds "${unfed.node.id}.${unfed.name}"`);
  yield* countOuter(scoped.values(), inputs, counted);
  for (const node of all) node.simple = node.depth === 0 && node.inputs.length === 1 && !node.inputs[0]!.list;
  for (const node of drafts) {
    wireOutputs(node, edgesOf, counted);
    yield 2 + node.outputs.size;
  }
  let producers: ReadonlyMap<PlanNode, readonly Producer[]> | undefined;
  return {
    nodes: all,
    inputs,
    params: edgesOf.get(`${USER}.params`) ?? [],
    named: namedParameters(edgesOf),
    user,
    producers: () => (producers ??= producersOf(all)),
  };
}

/** A node whose scope is being determined. */
class Scoped implements ScopedNode {
  scope: Scope | undefined = undefined;
  readonly #lists: ReadonlySet<string>;

  constructor(readonly draft: Draft) {
    this.#lists = new Set(draft.inputs.filter(({ list }) => list).map(({ name }) => name));
  }

  get id(): string {
    return this.draft.id;
  }

  isForeach(port: string): boolean {
    return Object.hasOwn(this.draft.ports, port) && this.draft.ports[port] === 'FOREACH';
  }

  isList(port: string): boolean {
    return this.#lists.has(port);
  }
}

function producersOf(nodes: readonly PlanNode[]): Map<PlanNode, Producer[]> {
  const producers = new Map<PlanNode, Producer[]>();
  for (const from of nodes) {
    for (const { name, edges } of from.outputs.values()) {
      for (const { node, name: port } of edges) {
        const producer = { from, by: name, port };
        const known = producers.get(node);
        if (known === undefined) producers.set(node, [producer]);
        else known.push(producer);
      }
    }
  }
  return producers;
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

function draft(node: GraphNode, index: number): Draft {
  let successors: Successor[] | undefined;
  const result: Draft = {
    index,
    id: node.id,
    node,
    ports: outputPorts(node),
    depth: 0,
    inputs: [],
    outputs: new Map(),
    out: undefined,
    error: undefined,
    foreach: [],
    simple: false,
    leadingSlot: -1,
    definition: undefined,
    frame: frameOf(node),
    // Computed at the first call: the edges are not there yet, and many graphs run only once.
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
  const result = draft({ kind: 'norm', id: USER }, index);
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

/** A value from outside waits for the counts of all scopes between its own and the node's. */
function* countOuter(
  nodes: Iterable<Scoped>,
  inputs: DraftInput[],
  counted: Map<string, Set<DraftInput>>,
): Generator<number, void> {
  let counts = 0;
  for (const { draft, scope: own } of nodes) {
    for (const input of draft.inputs) {
      for (let scope = own; scope !== undefined && scope.depth > input.depth; scope = scope.outer) {
        if (++counts > MAX_OUTER_COUNTS) {
          throw new Error(`values from outside its FOREACH outputs have more than ${MAX_OUTER_COUNTS} to hear of`);
        }
        const alias = { ...input, index: inputs.length, outerCount: true };
        inputs.push(alias);
        collect(counted, scope.endpoint, alias);
        yield 1;
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
  const ports = Object.entries(node.ports);
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
