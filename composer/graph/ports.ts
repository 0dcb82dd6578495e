import type { GraphNode, InputType, OutputType } from './types.js';

/** The caller's end of a graph. */
export const USER = '$USER';

/** Splits `node.port`; undefined when there is no dot or an empty part. */
export function splitEndpoint(endpoint: string): { node: string; port: string } | undefined {
  const dot = endpoint.lastIndexOf('.');
  if (dot <= 0 || dot === endpoint.length - 1) return undefined;
  return { node: endpoint.slice(0, dot), port: endpoint.slice(dot + 1) };
}

/** The input ports of a node with their types; an `any` port takes edges from branches that exclude each other. */
export function inputPorts(node: GraphNode): Readonly<Record<string, { type: InputType; any: boolean }>> {
  const one = (type: InputType, any = false): { type: InputType; any: boolean } => ({ type, any });
  switch (node.kind) {
    case 'action':
      return Object.fromEntries(Object.entries(node.inputs).map(([port, type]) => [port, one(type, true)]));
    case 'gate':
      return node.byPass ? { test: one('NORMAL', true), in: one('NORMAL', true) } : { test: one('NORMAL', true) };
    case 'gather':
      return { in: one('LIST', true), scope: one('NORMAL') };
    case 'join':
      return {
        ...Object.fromEntries(Array.from({ length: node.width }, (_, i) => [String(i), one('NORMAL', true)])),
        scope: one('NORMAL'),
      };
    case 'retain':
      return { params: one('NORMAL', true), result: one('NORMAL', true) };
    default:
      return { in: one('NORMAL', true) };
  }
}

/** The output ports of a node with their types; `error` is there where the node can fail. */
export function outputPorts(node: GraphNode): Readonly<Record<string, OutputType>> {
  switch (node.kind) {
    case 'action':
      return { out: 'NORMAL', error: 'NORMAL', ...node.outputs };
    case 'function':
    case 'literal':
    case 'norm':
      return { out: 'NORMAL', error: 'NORMAL' };
    case 'gate':
      return { then: 'SWITCH', else: 'SWITCH' };
    case 'switch': {
      const ports: Record<string, OutputType> = { error: 'NORMAL' };
      for (const { port } of node.cases) ports[port] = 'SWITCH';
      if (node.default !== undefined) ports[node.default] = 'SWITCH';
      return ports;
    }
    case 'scatter':
      return { item: 'FOREACH', scope: 'NORMAL', error: 'NORMAL' };
    case 'fork':
      return { branch: 'NORMAL', scope: 'NORMAL' };
    default:
      return { out: 'NORMAL' };
  }
}
