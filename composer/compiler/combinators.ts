import { isRecord } from '../graph/shape.js';
import { fqn } from '../graph/fqn.js';
import { CompileError, argument, components, objectField, type Ast } from './ast.js';
import type { Flow, GraphBuilder, Source } from './builder.js';

/** The context of a combinator: the frames around it, and the place for errors that nothing inside catches. */
export interface Context {
  readonly graph: GraphBuilder;
  readonly depth: number;
  readonly errors: Source[];
  /** Called with the name of each variable. */
  readonly variable: (name: string) => void;
}

/**
 * Compiles one combinator fed by `flow`; gives where its result comes from. A flow that is empty is a place that is
 * never reached: it is looked through for mistakes, nothing is added. Composer's rules of data and of combinators.
 */
type Compile = (node: Ast, flow: Flow, context: Context) => Flow;

const sequence: Compile = (node, flow, context) => {
  const parts = components(node);
  if (parts.length === 0) return empty(node, flow, context);
  return parts.reduce((at, part) => compile(part, at, context), flow);
};

const empty: Compile = (node, flow, { graph, depth, errors }) => {
  if (flow.length === 0) return [];
  const { id } = graph.add({ id: graph.id('norm', node.place), kind: 'norm' });
  graph.enter(flow, `${id}.in`, depth, node.place);
  errors.push({ from: `${id}.error`, depth });
  return [{ from: `${id}.out`, depth }];
};

const action: Compile = (node, flow, { graph, depth, errors }) => {
  let name: string;
  try {
    name = fqn(node.fields.name);
  } catch (error) {
    throw new CompileError(`root${node.place}.name`, (error as Error).message);
  }
  if (flow.length === 0) return [];
  const id = graph.id(name.slice(name.lastIndexOf('/') + 1), node.place);
  graph.add({ id, kind: 'action', action: name, inputs: { in: 'NORMAL' }, outputs: {}, normalize: true });
  graph.enter(flow, `${id}.in`, depth, node.place);
  errors.push({ from: `${id}.error`, depth });
  return [{ from: `${id}.out`, depth }];
};

const inlineFunction: Compile = (node, flow, { graph, depth, errors }) => {
  const { exec } = objectField(node, 'function');
  if (!isRecord(exec) || typeof exec.code !== 'string') {
    throw new CompileError(`root${node.place}.function.exec.code`, 'expected the code of a function');
  }
  if (flow.length === 0) return [];
  return graph.step(flow, { path: node.path, code: exec.code }, errors, depth, node.place);
};

const literal: Compile = (node, flow, { graph, depth, errors }) => {
  const given = node.fields.value;
  if (given === undefined) throw new CompileError(`root${node.place}.value`, 'expected a value, found nothing');
  if (flow.length === 0) return [];
  const boxed = isRecord(given) ? given : { value: given };
  const fails = boxed.error !== undefined;
  const id = graph.id('literal', node.place);
  graph.add({ id, kind: 'literal', value: fails ? { error: boxed.error } : boxed });
  graph.enter(flow, `${id}.in`, depth, node.place);
  if (fails) errors.push({ from: `${id}.error`, depth });
  return [{ from: `${id}.out`, depth }];
};

const letIn: Compile = (node, flow, context) => {
  const declarations = objectField(node, 'declarations');
  Object.keys(declarations).forEach(context.variable);
  return inFrame(node, flow, context, (id) => ({ id, kind: 'let', declarations }));
};

const mask: Compile = (node, flow, context) => inFrame(node, flow, context, (id) => ({ id, kind: 'mask' }));

function inFrame(
  node: Ast,
  flow: Flow,
  context: Context,
  frame: (
    id: string,
  ) => { id: string; kind: 'mask' } | { id: string; kind: 'let'; declarations: Record<string, unknown> },
): Flow {
  const { graph, depth } = context;
  if (flow.length === 0) return sequence(node, [], context);
  const { id } = graph.add(frame(graph.id(node.type, node.place)));
  graph.enter(flow, `${id}.in`, depth, node.place);
  return sequence(node, [{ from: `${id}.out`, depth: depth + 1 }], { ...context, depth: depth + 1 });
}

const tryCatch: Compile = (node, flow, context) => {
  const errors: Source[] = [];
  const done = compile(argument(node, 'body'), flow, { ...context, errors });
  return [...done, ...compile(argument(node, 'handler'), errors, context)];
};

const tryFinally: Compile = (node, flow, context) => {
  const errors: Source[] = [];
  const done = compile(argument(node, 'body'), flow, { ...context, errors });
  return compile(argument(node, 'finalizer'), [...done, ...errors], context);
};

/** A saved input: the whole value, except that a value with an error is reduced to the error. */
function saved(node: Ast, flow: Flow, { graph, depth }: Context): Flow {
  if (flow.length === 0) return [];
  const { id } = graph.add({ id: graph.id('strip', node.place), kind: 'strip' });
  graph.enter(flow, `${id}.in`, depth, node.place);
  return [{ from: `${id}.out`, depth }];
}

/** `if` and `if_nosave`: a choice by the result of `test`; a `saved` input bypasses the test and goes to the branch. */
function choice(node: Ast, saved: Flow | undefined, flow: Flow, context: Context): Flow {
  const { graph, depth } = context;
  const test = compile(argument(node, 'test'), flow, context);
  const reached = test.length > 0;
  const id = reached ? graph.id('gate', node.place) : '';
  if (reached) {
    graph.add({ id, kind: 'gate', byPass: saved !== undefined });
    graph.enter(test, `${id}.test`, depth, node.place);
    if (saved !== undefined) graph.connect(saved, `${id}.in`);
  }
  const branch = (name: string, port: string): Flow =>
    compile(argument(node, name), reached ? [{ from: `${id}.${port}`, depth }] : [], context);
  return [...branch('consequent', 'then'), ...branch('alternate', 'else')];
}

const ifThen: Compile = (node, flow, context) => {
  const input = saved(node, flow, context);
  return choice(node, input, input, context);
};

const retain: Compile = (node, flow, context) => {
  const { graph, depth } = context;
  const result = sequence(node, saved(node, flow, context), context);
  if (result.length === 0) return [];
  const { id } = graph.add({ id: graph.id('retain', node.place), kind: 'retain' });
  graph.connect(flow, `${id}.params`);
  graph.enter(result, `${id}.result`, depth, node.place);
  return [{ from: `${id}.out`, depth }];
};

const map: Compile = (node, flow, context) => {
  const { graph, depth, errors } = context;
  if (flow.length === 0) return sequence(node, [], context);
  const scatter = graph.id('scatter', node.place);
  graph.add({ id: scatter, kind: 'scatter', path: node.path });
  graph.enter(flow, `${scatter}.in`, depth, node.place);
  errors.push({ from: `${scatter}.error`, depth });
  const failed: Source[] = [];
  const done = sequence(node, [{ from: `${scatter}.item`, depth }], { ...context, errors: failed });
  const { id } = graph.add({ id: graph.id('gather', node.place), kind: 'gather' });
  graph.connect([...done, ...failed], `${id}.in`);
  graph.connect([{ from: `${scatter}.scope`, depth }], `${id}.scope`);
  return [{ from: `${id}.out`, depth }];
};

const parallel: Compile = (node, flow, context) => {
  const { graph, depth } = context;
  const branches = components(node);
  const reached = flow.length > 0;
  const fork = reached ? graph.add({ id: graph.id('fork', node.place), kind: 'fork' }).id : '';
  if (reached) graph.enter(flow, `${fork}.in`, depth, node.place);
  const results = branches.map((branch) => {
    const failed: Source[] = [];
    const start = reached ? [{ from: `${fork}.branch`, depth }] : [];
    return [...compile(branch, start, { ...context, errors: failed }), ...failed];
  });
  if (!reached) return [];
  const { id } = graph.add({ id: graph.id('join', node.place), kind: 'join', width: branches.length });
  results.forEach((result, i) => graph.connect(result, `${id}.${i}`));
  graph.connect([{ from: `${fork}.scope`, depth }], `${id}.scope`);
  return [{ from: `${id}.out`, depth }];
};

const table = new Map<string, Compile>(
  Object.entries({
    action,
    empty,
    finally: tryFinally,
    function: inlineFunction,
    if: ifThen,
    if_nosave: (node: Ast, flow: Flow, context: Context) => choice(node, undefined, flow, context),
    let: letIn,
    literal,
    map,
    mask,
    par: parallel,
    parallel,
    retain,
    seq: sequence,
    sequence,
    try: tryCatch,
    value: literal,
  }),
);

/** Compiles a combinator and everything inside it. Throws `CompileError`. */
export const compile: Compile = (node, flow, context) => {
  const known = table.get(node.type);
  if (known !== undefined) return known(node, flow, context);
  throw new CompileError(
    `root${node.place}`,
    `the combinator "${node.type}" cannot be compiled to a graph; known are ${[...table.keys()].join(', ')}`,
  );
};
