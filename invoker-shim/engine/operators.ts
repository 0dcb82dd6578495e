import { Shape, encodeValue, shapeOf } from '@dataflower/action-runtime/protocol';
import type { OperatorNode } from '@dataflower/composer/graph';
import { opened } from '../sink/bytes-of.js';
import type { DataSink, Value } from '../sink/value.js';
import { push, truncate } from './environment.js';

/** One instance of an operator. It owns its inputs: each is passed on or released. */
export interface OperatorRun {
  readonly sink: DataSink;
  readonly inputs: readonly Value[];
  readonly env: string | null;
  /** Sends by an output port; takes the reference over. */
  send(port: string, value: Value, env: string | null): void;
  /** The next value of a FOREACH port. */
  item(port: string, value: Value, env: string | null): void;
  /** The instance fails: `value` is `{error}`. */
  fail(value: Value): void;
}

/** Runs an operator; a promise only where bytes have to be read from a file. Never runs user code. */
export function runOperator(node: OperatorNode, run: OperatorRun): void | Promise<void> {
  const { sink, inputs, env } = run;
  const [input] = inputs as [Value, ...Value[]];
  switch (node.kind) {
    case 'literal': {
      input.release();
      const value = put(sink, node.value);
      return isError(value) ? run.fail(value) : run.send('out', value, env);
    }
    case 'norm': {
      if (!isError(input)) return run.send('out', boxed(sink, input), env);
      return onlyError(sink, input, (value) => run.fail(value));
    }
    case 'strip':
      return isError(input) ? onlyError(sink, input, (value) => run.send('out', value, env)) : run.send('out', input, env);
    case 'let':
      return run.send('out', input, push(env, { vars: node.declarations }));
    case 'mask':
      return run.send('out', input, push(env, { mask: true }));
    case 'scope':
      return run.send('out', input, truncate(env, node.depth));
    case 'gate': {
      const port = (input.shape & Shape.TRUTHY) !== 0 ? 'then' : 'else';
      if (!node.byPass) return run.send(port, input, env);
      input.release();
      return run.send(port, inputs[1]!, env);
    }
    case 'switch':
      return chooseBranch(node, run, input);
    case 'scatter':
      return scatter(node.path, run, input);
    case 'fork':
      run.send('scope', put(sink, {}), env);
      return run.send('branch', input, env);
    case 'gather': {
      inputs[1]!.release();
      return run.send('out', sink.record([['value', input]]), env);
    }
    case 'join': {
      inputs[node.width]!.release();
      return run.send('out', sink.record([['value', sink.list(inputs.slice(0, node.width))]]), env);
    }
    case 'retain':
      return run.send('out', sink.record([['params', input], ['result', inputs[1]!]]), env);
  }
}

/** A JavaScript value, put into the sink. */
export function put(sink: DataSink, value: unknown): Value {
  const { segments, shape } = encodeValue(value);
  return sink.put(segments.length === 1 ? (segments[0] as Buffer) : Buffer.concat(segments), shape);
}

/** `{error: text}`. */
export function errorValue(sink: DataSink, text: string): Value {
  return put(sink, { error: text });
}

/** Composer's boxing: what is no object becomes `{value}`. */
export function boxed(sink: DataSink, value: Value): Value {
  return (value.shape & Shape.OBJECT) !== 0 ? value : sink.record([['value', value]]);
}

function isError(value: Value): boolean {
  return (value.shape & (Shape.OBJECT | Shape.ERROR)) === (Shape.OBJECT | Shape.ERROR);
}

/** Opens a value and releases it. */
function open(value: Value, use: (decoded: unknown) => void): void | Promise<void> {
  const decoded = opened(value);
  if (decoded instanceof Promise) return decoded.then(use).finally(() => value.release());
  value.release();
  use(decoded);
}

function onlyError(sink: DataSink, value: Value, use: (value: Value) => void): void | Promise<void> {
  return open(value, (decoded) => {
    use(put(sink, { error: (decoded as { error?: unknown } | undefined)?.error ?? null }));
  });
}

function chooseBranch(node: Extract<OperatorNode, { kind: 'switch' }>, run: OperatorRun, input: Value): void | Promise<void> {
  input.retain();
  return open(input, (decoded) => {
    let member = decoded;
    for (const name of node.path) member = typeof member === 'object' && member !== null && Object.hasOwn(member, name) ? (member as Record<string, unknown>)[name] : undefined;
    const port = node.cases.find(({ equals }) => equals === member)?.port ?? node.default;
    if (port !== undefined) return run.send(port, input, run.env);
    input.release();
    run.fail(errorValue(run.sink, `No case of the switch "${node.id}" matches ${member === undefined ? 'a missing member' : JSON.stringify(member)} at ${['$', ...node.path].join('.')}, and it has no default.`));
  });
}

function scatter(path: string, run: OperatorRun, input: Value): void | Promise<void> {
  const { sink, env } = run;
  const list = input.body.at === 'record' ? input.body.entries.find(([name]) => name === 'value')?.[1] : undefined;
  if (list?.body.at === 'list') {
    for (const item of list.body.items) {
      item.retain();
      run.item('item', boxed(sink, item), env);
    }
    input.release();
    return run.send('scope', put(sink, {}), env);
  }
  return open(input, (decoded) => {
    const items = (decoded as { value?: unknown } | undefined)?.value;
    if (items && !Array.isArray(items)) {
      return run.fail(errorValue(sink, `Parallel combinator failed to invoke a composition at AST node root${path} (see log for details)`));
    }
    for (const item of (items as unknown[] | null | undefined) || []) {
      run.item('item', put(sink, (shapeOf(item) & Shape.OBJECT) !== 0 ? item : { value: item }), env);
    }
    run.send('scope', put(sink, {}), env);
  });
}
