import type { Edge, Graph, GraphNode, InputType, OutputType } from '@dataflower/composer/graph';
import { BEHAVIOURS } from './behaviours.js';

/** An output that may be wired: its endpoint and its scope. */
interface Source {
  readonly from: string;
  readonly scope: readonly string[];
  /** Branches of one choice, or out and error of one node: they may enter one port. */
  readonly choice?: string;
}

/** Draws a whole number below `limit`. */
export type Draw = (limit: number) => number;

/**
 * A graph of about `size` nodes, drawn step by step: each step adds a node behind outputs that are there already. Most
 * are valid; the caller checks with `validateGraph`.
 */
export function drawGraph(draw: Draw, size: number): Graph {
  return new GraphDrawer(draw).graph(size);
}

class GraphDrawer {
  readonly #nodes: GraphNode[] = [];
  readonly #edges: Edge[] = [];
  readonly #sources: Source[] = [{ from: '$USER.params', scope: [] }];

  readonly #draw: Draw;

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  graph(size: number): Graph {
    for (let i = 0; i < size; i++) this.#step();
    while (!this.#finish()) this.#collect();
    return { version: 1, nodes: this.#nodes, edges: this.#edges };
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#draw(list.length)]!;
  }

  /** Newer outputs are taken more often, so that graphs grow long as well as wide. */
  #source(fits: (source: Source) => boolean = () => true): Source | undefined {
    const fitting = this.#sources.filter(fits);
    if (fitting.length === 0) return undefined;
    return this.#draw(3) === 0 ? this.#one(fitting) : this.#one(fitting.slice(-3));
  }

  #add(node: GraphNode, ...wires: [Source, string][]): void {
    this.#nodes.push(node);
    for (const [source, port] of wires) this.#edges.push({ from: source.from, to: `${node.id}.${port}` });
  }

  #put(node: GraphNode, port: string, scope: readonly string[], choice?: string): Source {
    const source = {
      from: `${node.id}.${port}`,
      scope,
      ...(choice === undefined ? {} : { choice: `${node.id} ${choice}` }),
    };
    this.#sources.push(source);
    return source;
  }

  #step(): void {
    const id = `n${this.#nodes.length}`;
    const source = this.#source()!;
    const { scope } = source;
    switch (this.#draw(15)) {
      case 0:
      case 1: {
        this.#function(id, source);
        return;
      }
      case 2: {
        this.#ports(id);
        return;
      }
      case 3:
      case 4: {
        this.#scatter(id, source);
        return;
      }
      case 5:
      case 6: {
        this.#collect();
        return;
      }
      case 7: {
        this.#gate(id, source);
        return;
      }
      case 8: {
        const cases = [0, 1].map((n) => ({ equals: this.#one([true, false, 'object', null, 1]), port: `c${n}` }));
        const node: GraphNode = {
          id,
          kind: 'switch',
          path: this.#one([['value'], ['hash'], ['value', 'item'], []]),
          cases,
          ...(this.#draw(3) > 0 ? { default: 'c2' } : {}),
        };
        this.#add(node, [source, 'in']);
        for (const port of ['c0', 'c1', ...(node.default === undefined ? [] : ['c2'])])
          this.#put(node, port, scope, 'way');
        return;
      }
      case 9: {
        const error = this.#draw(4) === 0;
        const node: GraphNode = {
          id,
          kind: 'literal',
          value: error
            ? { error: `literal ${id}` }
            : this.#one([{ value: [1, { a: 2 }, null] }, { value: true }, { l: id }]),
        };
        this.#operator(node, source, error);
        return;
      }
      case 10: {
        this.#operator({ id, kind: 'norm' }, source, this.#draw(2) === 0);
        return;
      }
      case 11: {
        this.#operator(
          this.#one<GraphNode>([
            { id, kind: 'strip' },
            { id, kind: 'mask' },
            { id, kind: 'scope', depth: this.#draw(3) },
            { id, kind: 'let', declarations: { x: id } },
          ]),
          source,
          false,
        );
        return;
      }
      case 12: {
        this.#fork(id, source);
        return;
      }
      case 13: {
        const other = this.#beside(scope);
        const node: GraphNode = { id, kind: 'retain' };
        this.#add(node, [other, 'params'], [source, 'result']);
        this.#put(node, 'out', longer(other.scope, scope));
        return;
      }
      default: {
        this.#merge(id);
        return;
      }
    }
  }

  /** A source whose scope fits to another: one is inside the other. */
  #beside(scope: readonly string[]): Source {
    return this.#source((source) => isPrefix(source.scope, scope) || isPrefix(scope, source.scope))!;
  }

  #operator(node: GraphNode, source: Source, error: boolean): void {
    this.#add(node, [source, 'in']);
    this.#put(node, 'out', source.scope, 'end');
    if (error) this.#put(node, 'error', source.scope, 'end');
  }

  #function(id: string, source: Source): void {
    const name = `${this.#one(BEHAVIOURS.slice(0, this.#draw(3) === 0 ? BEHAVIOURS.length : 8))}-${this.#draw(1000)}`;
    const node: GraphNode =
      this.#draw(3) === 0
        ? { id, kind: 'function', functions: [{ path: '', code: name }] }
        : {
            id,
            kind: 'action',
            action: `/_/${name}`,
            inputs: { in: 'NORMAL' },
            outputs: {},
            ...(this.#draw(2) === 0 ? { normalize: true } : {}),
          };
    this.#operator(node, source, this.#draw(2) === 0);
  }

  /** An action with several ports. */
  #ports(id: string): void {
    const first = this.#source()!;
    let { scope } = first;
    const wires: [Source, string][] = [[first, 'a']];
    const inputs: Record<string, InputType> = { a: 'NORMAL' };
    for (const port of ['b', 'c'].slice(0, this.#draw(3))) {
      const source = this.#beside(scope);
      const list = source.scope.length > 0 && this.#draw(2) === 0;
      const delivered = list ? source.scope.slice(0, -1) : source.scope;
      if (!isPrefix(delivered, scope) && !isPrefix(scope, delivered)) continue;
      inputs[port] = list ? 'LIST' : 'NORMAL';
      wires.push([source, port]);
      scope = longer(scope, delivered);
    }
    const outputs: Record<string, OutputType> = {};
    if (this.#draw(2) === 0) outputs['each1'] = 'FOREACH';
    if (this.#draw(4) === 0) outputs['each2'] = 'FOREACH';
    if (this.#draw(3) === 0) outputs['one'] = 'NORMAL';
    if (this.#draw(4) === 0) Object.assign(outputs, { way1: 'SWITCH', way2: 'SWITCH' });
    const node: GraphNode = {
      id,
      kind: 'action',
      action: `/_/${this.#one(BEHAVIOURS)}-${this.#draw(1000)}`,
      inputs,
      outputs,
    };
    this.#add(node, ...wires);
    this.#put(node, 'out', scope, 'end');
    if (this.#draw(2) === 0) this.#put(node, 'error', scope, 'end');
    for (const [port, type] of Object.entries(outputs)) {
      if (type === 'FOREACH') this.#put(node, port, [...scope, `${id}.${port}`]);
      else this.#put(node, port, scope, type === 'SWITCH' ? 'way' : port);
    }
  }

  #scatter(id: string, source: Source): void {
    const list: GraphNode = {
      id: `${id}l`,
      kind: 'action',
      action: `/_/list-${this.#draw(1000)}`,
      inputs: { in: 'NORMAL' },
      outputs: {},
    };
    this.#add(list, [source, 'in']);
    const node: GraphNode = { id, kind: 'scatter', path: `[${id}]` };
    this.#add(node, [{ from: `${list.id}.out`, scope: source.scope }, 'in']);
    this.#put(node, 'scope', source.scope);
    if (this.#draw(3) === 0) this.#put(node, 'error', source.scope, 'end');
    this.#put(node, 'item', [...source.scope, `${id}.item`]);
  }

  /** Collects values inside a FOREACH: by a gather, or by a LIST input. */
  #collect(): void {
    const source = this.#source(({ scope }) => scope.length > 0);
    if (source === undefined) return;
    const id = `n${this.#nodes.length}`;
    const scope = source.scope.slice(0, -1);
    const others = this.#sources.filter(
      (other) => other.choice !== undefined && other.choice === source.choice && other !== source,
    );
    const wires: [Source, string][] = [source, ...others].map((from) => [from, 'in']);
    const start = source.scope.at(-1)!;
    if (start.endsWith('.item') && this.#draw(3) > 0) {
      const node: GraphNode = { id, kind: 'gather' };
      this.#add(node, ...wires, [{ from: start.replace('.item', '.scope'), scope }, 'scope']);
      this.#put(node, 'out', scope);
      return;
    }
    const node: GraphNode = {
      id,
      kind: 'action',
      action: `/_/${this.#one(['hash', 'list', 'echo'])}-${this.#draw(1000)}`,
      inputs: { in: 'LIST' },
      outputs: {},
    };
    this.#add(node, ...wires);
    this.#put(node, 'out', scope, 'end');
  }

  #gate(id: string, source: Source): void {
    const truth: GraphNode = {
      id: `${id}t`,
      kind: 'action',
      action: `/_/truth-${this.#draw(1000)}`,
      inputs: { in: 'NORMAL' },
      outputs: {},
    };
    this.#add(truth, [source, 'in']);
    const node: GraphNode = { id, kind: 'gate', byPass: this.#draw(2) === 0 };
    const test: Source = { from: `${truth.id}.out`, scope: source.scope };
    this.#add(node, [test, 'test'], ...(node.byPass ? [[source, 'in'] as [Source, string]] : []));
    this.#put(node, 'then', source.scope, 'way');
    this.#put(node, 'else', source.scope, 'way');
  }

  #fork(id: string, source: Source): void {
    const node: GraphNode = { id, kind: 'fork' };
    this.#add(node, [source, 'in']);
    const width = this.#draw(4);
    const branches = Array.from({ length: width }, (_, i): [Source, string] => {
      const branch: GraphNode = {
        id: `${id}b${i}`,
        kind: 'action',
        action: `/_/${this.#one(['hash', 'maybe', 'echo', 'boxed'])}-${this.#draw(1000)}`,
        inputs: { in: 'NORMAL' },
        outputs: {},
        normalize: true,
      };
      this.#add(branch, [{ from: `${id}.branch`, scope: source.scope }, 'in']);
      return [{ from: `${branch.id}.out`, scope: source.scope }, String(i)];
    });
    const join: GraphNode = { id: `${id}j`, kind: 'join', width };
    const errors = branches.map(([{ from }, port]): [Source, string] => [
      { from: from.replace('.out', '.error'), scope: source.scope },
      port,
    ]);
    this.#add(join, ...branches, ...errors, [{ from: `${id}.scope`, scope: source.scope }, 'scope']);
    this.#put(join, 'out', source.scope);
  }

  /** Joins branches that exclude each other. */
  #merge(id: string): void {
    const source = this.#source(({ choice }) => choice !== undefined);
    if (source === undefined) return;
    const together = this.#sources.filter(
      ({ choice, scope }) => choice === source.choice && scope.length === source.scope.length,
    );
    const node: GraphNode = {
      id,
      kind: 'action',
      action: `/_/${this.#one(['hash', 'echo', 'truth'])}-${this.#draw(1000)}`,
      inputs: { in: 'NORMAL' },
      outputs: {},
    };
    this.#add(node, ...together.map((from): [Source, string] => [from, 'in']));
    this.#put(node, 'out', source.scope, 'end');
  }

  #finish(): boolean {
    const outside = this.#sources.filter(({ scope }) => scope.length === 0);
    const inside = this.#sources.some(({ scope }) => scope.length > 0);
    if (inside && this.#draw(2) === 0) return false;
    if (this.#draw(4) > 0) {
      this.#edges.push({ from: this.#one(outside.slice(-3)).from, to: '$USER.result' });
    } else {
      this.#edges.push(
        { from: this.#one(outside.slice(-4)).from, to: '$USER.first' },
        { from: this.#one(outside).from, to: '$USER.second' },
      );
    }
    return true;
  }
}

function isPrefix(short: readonly string[], long: readonly string[]): boolean {
  return short.length <= long.length && short.every((part, i) => part === long[i]);
}

function longer<T>(a: readonly T[], b: readonly T[]): readonly T[] {
  return a.length >= b.length ? a : b;
}
