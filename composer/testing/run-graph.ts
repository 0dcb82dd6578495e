import { USER, inputPorts, outputPorts, scopes, splitEndpoint, type Graph, type GraphNode } from '../graph/index.js';
import { copy, isRecord, norm, runFunction, type Env, type Json, type Outcome } from './functions.js';

interface Token {
  readonly value: Json;
  readonly env: Env;
}
/** Tokens of one output by instance: indices of the scatters around it, joined by dots. */
type Tokens = Map<string, Token>;
export type Invoke = (action: string, params: Json) => Promise<unknown>;

/**
 * Runs a graph the plainest way: the nodes in order, each for all of its instances. The meaning of the form is here in a
 * page; the engine is another program. Gives the result, or the error that nothing caught.
 */
export async function runGraph(graph: Graph, params: Json, invoke: Invoke): Promise<Json> {
  const run = new Run(graph, invoke);
  run.put(`${USER}.params`, '', { value: copy(params), env: [] });
  for (const node of run.order()) {
    const failed = await run.node(node);
    if (failed !== undefined) return failed;
  }
  const results = graph.edges.filter((e) => e.to === `${USER}.result`).flatMap((e) => [...run.tokens(e.from).values()]);
  if (results.length !== 1) throw new Error(`${results.length} results`);
  return results[0]!.value;
}

class Run {
  readonly #tokens = new Map<string, Tokens>();
  /** How many values a FOREACH output had, by instance of its node. */
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #scopes;
  constructor(
    readonly graph: Graph,
    readonly invoke: Invoke,
  ) {
    this.#scopes = scopes(graph);
  }

  order(): GraphNode[] {
    const nodes = new Map(this.graph.nodes.map((node) => [node.id, node]));
    return [...this.#scopes.keys()].map((id) => nodes.get(id)!);
  }

  tokens(output: string): Tokens {
    return this.#tokens.get(output) ?? new Map<string, Token>();
  }

  put(output: string, tag: string, token: Token): void {
    const tokens = this.tokens(output);
    this.#tokens.set(output, tokens);
    if (tokens.has(tag)) throw new Error(`two values at ${output} ${tag}`);
    tokens.set(tag, copy(token));
  }

  /** Runs all instances of a node; returns an error that no node takes. */
  async node(node: GraphNode): Promise<Json | undefined> {
    const depth = this.#scopes.get(node.id)!.length;
    const ports = Object.entries(inputPorts(node)).map(([port, { type }]) => ({
      port,
      list: type === 'LIST',
      tokens: this.#arrived(`${node.id}.${port}`, type === 'LIST'),
    }));
    const width = (tag: string): number => (tag === '' ? 0 : tag.split('.').length);
    const tags = new Set(ports.flatMap((p) => [...p.tokens.keys()]).filter((tag) => width(tag) === depth));
    for (const tag of tags) {
      const inputs: Record<string, Token | Token[]> = {};
      for (const { port, tokens } of ports) {
        const token = [...tokens].find(([t]) => t === '' || t === tag || tag.startsWith(`${t}.`))?.[1];
        if (token !== undefined) inputs[port] = token;
      }
      if (Object.keys(inputs).length < ports.length) continue;
      const outputs = await this.#run(node, inputs, tag);
      for (const [port, token] of Object.entries(outputs)) {
        const endpoint = `${node.id}.${port}`;
        const wired = this.graph.edges.some((e) => e.from === endpoint);
        if (port === 'error' && !wired) return token.value;
        this.put(endpoint, tag, token);
      }
    }
    return undefined;
  }

  #arrived(input: string, list: boolean): Map<string, Token | Token[]> {
    const edges = this.graph.edges.filter((edge) => edge.to === input);
    const arrived = new Map<string, Token>();
    for (const { from } of edges) {
      for (const [tag, token] of this.tokens(from)) {
        if (arrived.has(tag)) throw new Error(`two values arrive at ${input} ${tag}`);
        arrived.set(tag, token);
      }
    }
    if (!list) return arrived;
    const { node, port } = splitEndpoint(edges[0]!.from)!;
    const producer = this.graph.nodes.find((n) => n.id === node)!;
    const scope = [...(this.#scopes.get(node) ?? [])];
    if (outputPorts(producer)[port] === 'FOREACH') scope.push(edges[0]!.from);
    const lists = new Map<string, Token[]>();
    for (const [tag, count] of this.#counts.get(scope.at(-1)!) ?? []) {
      const tokens = Array.from({ length: count }, (_, i) => arrived.get(tag === '' ? String(i) : `${tag}.${i}`));
      if (tokens.every((token) => token !== undefined)) lists.set(tag, tokens);
    }
    return lists;
  }

  async #run(node: GraphNode, inputs: Record<string, Token | Token[]>, tag: string): Promise<Record<string, Token>> {
    const input = inputs.in as Token;
    const ended = ({ ok, value, env }: Outcome): Record<string, Token> => ({ [ok ? 'out' : 'error']: { value, env } });
    const out = (value: Json, env: Env): Record<string, Token> => ({ out: { value, env } });
    switch (node.kind) {
      case 'action':
        return ended(norm(copy((await this.invoke(node.action, copy(input.value))) ?? {}), input.env));
      case 'function': {
        let at: Outcome = { ok: true, ...input };
        for (const { path, code } of node.functions) {
          if (at.ok) at = await runFunction(code, path, at.value, at.env);
        }
        return ended(at);
      }
      case 'literal':
        return ended(norm(node.value, input.env));
      case 'norm':
        return ended(norm(input.value, input.env));
      case 'strip':
        return out(input.value.error === undefined ? input.value : { error: input.value.error }, input.env);
      case 'let':
        return out(input.value, [...input.env, { vars: { ...node.declarations } }]);
      case 'mask':
        return out(input.value, [...input.env, null]);
      case 'scope':
        if (input.env.length < node.depth) throw new Error(`no ${node.depth} frames at ${node.id}`);
        return out(input.value, input.env.slice(0, node.depth));
      case 'gate': {
        const test = inputs.test as Token;
        const { value } = node.byPass ? input : test;
        return { [test.value.value ? 'then' : 'else']: { value, env: test.env } };
      }
      case 'scatter':
        return this.#scatter(node, input, tag);
      case 'fork':
        return { branch: input, scope: { value: {}, env: input.env } };
      case 'gather':
        return out({ value: (inputs.in as unknown as Token[]).map((t) => t.value) }, (inputs.scope as Token).env);
      case 'join': {
        const value = Array.from({ length: node.width }, (_, i) => (inputs[String(i)] as Token).value);
        return out({ value }, (inputs.scope as Token).env);
      }
      case 'retain': {
        const result = inputs.result as Token;
        return out({ params: (inputs.params as Token).value, result: result.value }, result.env);
      }
      default:
        throw new Error(`no ${node.kind} here`);
    }
  }

  #scatter(node: GraphNode & { kind: 'scatter' }, input: Token, tag: string): Record<string, Token> {
    const elements: unknown = input.value.value || [];
    if (!Array.isArray(elements)) {
      const error = `Parallel combinator failed to invoke a composition at AST node root${node.path} (see log for details)`;
      return { error: { value: { error }, env: input.env } };
    }
    const endpoint = `${node.id}.item`;
    if (!this.#counts.has(endpoint)) this.#counts.set(endpoint, new Map());
    this.#counts.get(endpoint)!.set(tag, elements.length);
    (elements as unknown[]).forEach((element, i) => {
      const value = isRecord(element) ? element : { value: element };
      this.put(endpoint, tag === '' ? String(i) : `${tag}.${i}`, { value, env: input.env });
    });
    return { scope: { value: {}, env: input.env } };
  }
}
