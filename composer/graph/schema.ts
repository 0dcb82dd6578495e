import { fqn } from './fqn.js';
import { GraphError } from './error.js';
import { arrayOf, found, isRecord, mapOf, object, oneOf, that, type Shape } from './shape.js';
import type { Graph, GraphNode } from './types.js';

/** The largest graph that is taken. */
export const MAX_NODES = 10_000;
export const MAX_EDGES = 50_000;
/** How deep a constant in it may be nested. */
const MAX_DEPTH = 500;

const text = that('a string', (v) => typeof v === 'string');
const flag = that('true or false', (v) => typeof v === 'boolean');
const record = that('an object', isRecord);
const data: Shape = (value, path) => {
  record(value, path);
  for (let level: unknown[] = [value], depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new GraphError('TOO_LARGE', path, `is nested deeper than ${MAX_DEPTH} levels`);
    level = level.flatMap((v) => (typeof v === 'object' && v !== null ? (Object.values(v) as unknown[]) : []));
  }
};
const count = (limit: number): Shape =>
  that(`a whole number from 0 to ${limit}`, (v) => Number.isInteger(v) && (v as number) >= 0 && (v as number) <= limit);
const scalar = that('a string, a number, true, false or null', (v) => v === null || typeof v !== 'object');
const nodeId = that(
  'a name of letters, digits, "_", "-", "[" and "]"',
  (v) => typeof v === 'string' && /^[\w[\]-]{1,256}$/.test(v) && v !== '__proto__',
);
const portName = that(
  'a port name of letters, digits, "_" and "-"',
  (v) => typeof v === 'string' && /^[\w-]{1,256}$/.test(v) && v !== '__proto__',
);
const endpoint = that(
  '"node.port"',
  (v) => typeof v === 'string' && /^(?:\$USER|[\w[\]-]{1,256})\.[\w-]{1,256}$/.test(v),
);
const inputType = oneOf('NORMAL', 'LIST');
const outputType = oneOf('NORMAL', 'FOREACH', 'MERGE', 'SWITCH');

const actionName: Shape = (value, path) => {
  text(value, path);
  let full: string | undefined;
  try {
    full = fqn(value);
  } catch {
    full = undefined;
  }
  if (full === value) return;
  const hint = full === undefined ? 'write /namespace/action or /namespace/package/action' : `write ${full}`;
  throw new GraphError('BAD_NAME', path, `${found(value)} is not a fully qualified action name; ${hint}`);
};

const members: Readonly<Record<GraphNode['kind'], Readonly<Record<string, Shape>>>> = {
  action: {
    action: actionName,
    inputs: mapOf(portName, inputType),
    outputs: mapOf(portName, outputType),
    'normalize?': flag,
  },
  function: { functions: arrayOf(object({ path: text, code: text }), MAX_NODES) },
  literal: { value: data },
  norm: {},
  strip: {},
  let: { declarations: data },
  mask: {},
  scope: { depth: count(1_000_000) },
  gate: { byPass: flag },
  switch: {
    path: arrayOf(text, 1000),
    cases: arrayOf(object({ equals: scalar, port: portName }), MAX_EDGES),
    'default?': portName,
  },
  scatter: { path: text },
  gather: {},
  fork: {},
  join: { width: count(MAX_EDGES) },
  retain: {},
};

const kinds = new Map(
  Object.entries(members).map(([kind, rest]) => [kind, object({ id: nodeId, kind: text, ...rest })]),
);

const node: Shape = (value, path) => {
  record(value, path);
  const { kind } = value as Record<string, unknown>;
  const shape = typeof kind === 'string' ? kinds.get(kind) : undefined;
  if (shape === undefined) {
    const known = [...kinds.keys()].join(', ');
    throw new GraphError('UNKNOWN_KIND', `${path}.kind`, `${found(kind)} is not a kind of node; known are ${known}`);
  }
  shape(value, path);
};

const graph = object({
  version: oneOf(1),
  nodes: arrayOf(node, MAX_NODES),
  edges: arrayOf(object({ from: endpoint, to: endpoint }), MAX_EDGES),
});

/** Throws `GraphError` unless `json` has the form of a graph; how its parts fit together is not looked at. */
export function checkShape(json: unknown): asserts json is Graph {
  graph(json, '');
}
