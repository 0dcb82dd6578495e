/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return -- JSON of any form */
import {
  type Graph,
  type GraphNode,
  USER,
  inputPorts,
  outputPorts,
  scopes,
  splitEndpoint,
} from '@dataflower/composer/graph';
import { behave } from './behaviours.js';

type Json = any;
interface Token {
  readonly value: Json;
  readonly env: readonly Json[];
}
type Tag = readonly number[];
/** Outputs of an instance: a token by NORMAL port, a list of tokens by FOREACH port. */
type Outputs = Readonly<Record<string, Token | readonly Token[]>>;

/** The meaning of a graph. */
export interface Meaning {
  /** The value of `$USER`, when it ever has one. */
  readonly result: { readonly value: Json } | undefined;
  /** Errors that no node takes. */
  readonly uncaught: readonly Json[];
  /** Instances of action and function nodes, `id@tag`, sorted. */
  readonly ran: readonly string[];
}

/**
 * Computes the meaning of a graph the naive way: each value is computed from the values that it depends on, on demand. No
 * tokens, no matching, no counting, no time.
 */
export function meaningOf(graph: Graph, params: Json): Meaning {
  return new Reference(graph, params).meaning();
}

class Reference {
  readonly #scopes;
  readonly #nodes;
  readonly #known = new Map<string, Outputs | undefined>();
  readonly #uncaught: Json[] = [];
  readonly #ran: string[] = [];

  readonly #graph: Graph;
  readonly #params: Json;

  constructor(graph: Graph, params: Json) {
    this.#graph = graph;
    this.#params = params;

    this.#scopes = scopes(graph);
    this.#nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  }

  meaning(): Meaning {
    for (const node of this.#graph.nodes)
      for (const tag of this.#instances(this.#scopes.get(node.id)!)) this.#outputs(node.id, tag);
    return { result: this.#result(), uncaught: this.#uncaught, ran: this.#ran.sort() };
  }

  #result(): { value: Json } | undefined {
    const ports = [
      ...new Set(
        this.#graph.edges
          .map(({ to }) => splitEndpoint(to)!)
          .filter(({ node }) => node === USER)
          .map(({ port }) => port),
      ),
    ];
    const tokens = ports.map((port) => this.#arriving(`${USER}.${port}`, [])?.value);
    if (tokens.includes(undefined)) return undefined;
    if (ports[0] === 'result') return { value: tokens[0] };
    return { value: Object.fromEntries(ports.map((port, i) => [port, tokens[i]])) };
  }

  /** The tags of all instances in a scope. */
  #instances(scope: readonly string[]): Tag[] {
    if (scope.length === 0) return [[]];
    const { node, port } = splitEndpoint(scope.at(-1)!)!;
    return this.#instances(scope.slice(0, -1)).flatMap((tag) => {
      const values = (this.#outputs(node, tag)?.[port] ?? []) as readonly Token[];
      return values.map((_, i) => [...tag, i]);
    });
  }

  #outputs(id: string, tag: Tag): Outputs | undefined {
    const key = `${id}@${tag.join('.')}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#fire(this.#nodes.get(id)!, tag, key));
    return this.#known.get(key);
  }

  #fire(node: GraphNode, tag: Tag, key: string): Outputs | undefined {
    const ports = Object.entries(inputPorts(node)).map(([port, { type }]) => {
      const endpoint = `${node.id}.${port}`;
      return [port, type === 'LIST' ? this.#list(endpoint, tag) : this.#arriving(endpoint, tag)] as const;
    });
    if (ports.some(([, token]) => token === undefined)) return undefined;
    if (node.kind === 'action' || node.kind === 'function') this.#ran.push(key);
    const outputs = this.#apply(node, Object.fromEntries(ports) as Record<string, Token>);
    const wired = this.#graph.edges.some(({ from }) => from === `${node.id}.error`);
    if ('error' in outputs && !wired) this.#uncaught.push((outputs.error as Token).value);
    return outputs;
  }

  /** The scope of the values that leave by an output. */
  #scopeOf(endpoint: string): readonly string[] {
    const { node, port } = splitEndpoint(endpoint)!;
    if (node === USER) return [];
    const scope = this.#scopes.get(node)!;
    return outputPorts(this.#nodes.get(node)!)[port] === 'FOREACH' ? [...scope, endpoint] : scope;
  }

  #sources(endpoint: string): string[] {
    return this.#graph.edges.filter(({ to }) => to === endpoint).map(({ from }) => from);
  }

  #leaving(endpoint: string, tag: Tag): Token | undefined {
    const { node, port } = splitEndpoint(endpoint)!;
    if (node === USER) {
      const value = port === 'params' ? this.#params : this.#params[port];
      return { value, env: [] };
    }
    const depth = this.#scopes.get(node)!.length;
    const output = this.#outputs(node, tag.slice(0, depth))?.[port];
    return Array.isArray(output) ? (output[tag[depth]!] as Token | undefined) : (output as Token | undefined);
  }

  #arriving(endpoint: string, tag: Tag): Token | undefined {
    for (const source of this.#sources(endpoint)) {
      const token = this.#leaving(source, tag.slice(0, this.#scopeOf(source).length));
      if (token !== undefined) return token;
    }
    return undefined;
  }

  #list(endpoint: string, tag: Tag): Token | undefined {
    const sources = this.#sources(endpoint);
    const scope = this.#scopeOf(sources[0]!);
    const around = tag.slice(0, scope.length - 1);
    const { node, port } = splitEndpoint(scope.at(-1)!)!;
    const started = this.#outputs(node, around);
    if (started === undefined) return undefined;
    const items = ((started[port] ?? []) as readonly Token[]).map((_, i) => {
      const index = [...around, i];
      return sources.map((source) => this.#leaving(source, index)).find((token) => token !== undefined)?.value;
    });
    return items.includes(undefined) ? undefined : { value: items, env: [] };
  }

  #apply(node: GraphNode, inputs: Record<string, Token>): Outputs {
    const [first] = Object.values(inputs) as [Token];
    const { value, env } = first;
    const out = (result: Json, after = env): Outputs => ({ out: { value: result, env: after } });
    const failed = (error: Json): Outputs => ({ error: { value: { error }, env } });
    switch (node.kind) {
      case 'action':
      case 'function':
        return this.#call(node, inputs);
      case 'literal':
        return node.value['error'] === undefined ? out(node.value) : failed(node.value['error']);
      case 'norm':
        if (!isObject(value)) return out({ value });
        return value.error === undefined ? out(value) : failed(value.error);
      case 'strip':
        return out(isObject(value) && value.error !== undefined ? { error: value.error } : value);
      case 'let':
        return out(value, [...env, { vars: node.declarations }]);
      case 'mask':
        return out(value, [...env, { mask: true }]);
      case 'scope':
        return out(value, env.slice(0, node.depth));
      case 'gate': {
        const test = inputs['test']!;
        const truth = isObject(test.value) ? test.value.value : test.value;
        return { [truth ? 'then' : 'else']: { value: (inputs['in'] ?? test).value, env: test.env } };
      }
      case 'switch': {
        let member = value;
        for (const name of node.path) member = typeof member === 'object' && member !== null ? member[name] : undefined;
        const port = node.cases.find(({ equals }) => equals === member)?.port ?? node.default;
        if (port !== undefined) return { [port]: first };
        const what = member === undefined ? 'a missing member' : shown(member);
        return failed(
          `No case of the switch "${node.id}" matches ${what} at ${['$', ...node.path].join('.')}, and it has no default.`,
        );
      }
      case 'scatter': {
        const items = (isObject(value) ? value.value : undefined) || [];
        if (!Array.isArray(items)) {
          return failed(
            `Parallel combinator failed to invoke a composition at AST node root${node.path} (see log for details)`,
          );
        }
        return {
          item: items.map((item: Json) => ({ value: isObject(item) ? item : { value: item }, env })),
          scope: { value: {}, env },
        };
      }
      case 'fork':
        return { branch: first, scope: { value: {}, env } };
      case 'gather':
        return out({ value: inputs['in']!.value }, inputs['scope']!.env);
      case 'join':
        return out(
          { value: Array.from({ length: node.width }, (_, i) => inputs[String(i)]!.value) },
          inputs['scope']!.env,
        );
      case 'retain':
        return out({ params: inputs['params']!.value, result: inputs['result']!.value }, inputs['result']!.env);
    }
  }

  #call(node: GraphNode & { kind: 'action' | 'function' }, inputs: Record<string, Token>): Outputs {
    const tokens = Object.entries(inputs);
    const params =
      tokens.length === 1 ? tokens[0]![1].value : Object.fromEntries(tokens.map(([port, { value }]) => [port, value]));
    const env = tokens.map(([, token]) => token.env).find((frames) => frames.length > 0) ?? [];
    const name = node.kind === 'action' ? node.action.slice(3) : node.functions[0]!.code;
    const types = outputPorts(node);
    const wired = Object.keys(types).filter(
      (port) =>
        port !== 'out' && port !== 'error' && this.#graph.edges.some(({ from }) => from === `${node.id}.${port}`),
    );
    const outputs: Record<string, Token | Token[]> = {};
    for (const port of wired) if (types[port] === 'FOREACH') outputs[port] = [];
    for (const deed of behave(name, params, env.length === 0 ? null : JSON.stringify(env), wired)) {
      if ('emit' in deed) {
        const token = { value: deed.value, env: [] };
        const list = outputs[deed.emit];
        if (Array.isArray(list)) list.push(token);
        else outputs[deed.emit] = token;
        continue;
      }
      const after = typeof deed.env === 'string' ? (JSON.parse(deed.env) as Json[]) : env;
      const end = deed.end as Json;
      const boxed = node.kind === 'action' && node.normalize === true && !isObject(end);
      if ((deed.status ?? 0) === 0 && !(isObject(end) && end.error !== undefined))
        outputs['out'] = { value: boxed ? { value: end } : end, env: after };
      else outputs['error'] = { value: end, env: after };
    }
    return outputs;
  }
}

function isObject(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(member: Json): string {
  if (isObject(member)) return 'an object';
  return Array.isArray(member) ? 'a list' : JSON.stringify(member);
}
