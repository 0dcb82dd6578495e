import { Shape, encodeValue, shapeOf } from '@dataflower/action-runtime/protocol';
import type { GateNode, OperatorNode, ScatterNode, SwitchNode } from '@dataflower/composer/graph';
import { opened } from '../sink/bytes-of.js';
import type { DataSink, Value } from '../sink/value.js';
import { push, truncate } from './environment.js';
import { tooManyInstances } from './instance-limit.js';
import { branchesOf } from './switch-branches.js';

const SHOWN_CHARS = 100;

/** One instance of an operator. It owns its inputs: each is passed on or released. */
export interface OperatorRun {
  readonly sink: DataSink;
  readonly inputs: readonly Value[];
  readonly env: string | null;
  /** Instances that it may start. */
  readonly instanceLimit: number;
  /** Sends by an output port; takes the reference over. */
  send(port: string, value: Value, env: string | null): void;
  /** The input of the branches of a fork. */
  branch(value: Value): void;
  /** The next element of a scatter. */
  item(value: Value): void;
  /** The instance fails: `value` is `{error}`. */
  fail(value: Value): void;
}

/** Runs an operator; a promise only where bytes have to be read from a file. Never runs user code. */
export function runOperator(node: OperatorNode, run: OperatorRun): void | Promise<void> {
  const { sink, inputs, env } = run;
  const [input] = inputs as [Value, ...Value[]];
  switch (node.kind) {
    case 'literal':
      input.release();
      putOut(run, put(sink, node.value));
      break;
    case 'norm':
      if (isError(input)) return onlyError(sink, input, (value) => run.fail(value));
      run.send('out', boxed(sink, input), env);
      break;
    case 'strip':
      if (isError(input)) return onlyError(sink, input, (value) => run.send('out', value, env));
      run.send('out', input, env);
      break;
    case 'let':
      run.send('out', input, push(env, { vars: node.declarations }));
      break;
    case 'mask':
      run.send('out', input, push(env, { mask: true }));
      break;
    case 'scope':
      run.send('out', input, truncate(env, node.depth));
      break;
    case 'gate':
      chooseByTruth(node, run, input);
      break;
    case 'switch':
      return chooseBranch(node, run, input);
    case 'scatter':
      return scatter(node, run, input);
    case 'fork':
      run.send('scope', put(sink, {}), env);
      run.branch(input);
      break;
    case 'gather':
      inputs[1]!.release();
      run.send('out', sink.record([['value', input]]), env);
      break;
    case 'join':
      inputs[node.width]!.release();
      run.send('out', sink.record([['value', sink.list(inputs.slice(0, node.width))]]), env);
      break;
    case 'retain': {
      const both = sink.record([
        ['params', input],
        ['result', inputs[1]!],
      ]);
      run.send('out', both, env);
    }
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

function putOut(run: OperatorRun, value: Value): void {
  if (isError(value)) run.fail(value);
  else run.send('out', value, run.env);
}

/** A saved input goes past the test; without one the tested value goes on itself. */
function chooseByTruth(node: GateNode, run: OperatorRun, tested: Value): void {
  const port = (tested.shape & Shape.TRUTHY) !== 0 ? 'then' : 'else';
  if (node.byPass) tested.release();
  run.send(port, node.byPass ? run.inputs[1]! : tested, run.env);
}

/** Opens a value for `use`, which releases it. */
function open(value: Value, use: (decoded: unknown) => void): void | Promise<void> {
  const decoded = opened(value);
  if (!(decoded instanceof Promise)) {
    use(decoded);
    return;
  }
  return decoded.then(use, (error: unknown) => {
    value.release();
    throw error;
  });
}

function onlyError(sink: DataSink, value: Value, use: (value: Value) => void): void | Promise<void> {
  return open(value, (decoded) => {
    value.release();
    use(put(sink, { error: (decoded as { error?: unknown } | undefined)?.error ?? null }));
  });
}

function chooseBranch(node: SwitchNode, run: OperatorRun, input: Value): void | Promise<void> {
  return open(input, (decoded) => {
    const member = memberAt(decoded, node.path);
    const port = branchesOf(node).get(member) ?? node.default;
    if (port !== undefined) {
      run.send(port, input, run.env);
      return;
    }
    input.release();
    const what = member === undefined ? 'a missing member' : shown(member);
    run.fail(
      errorValue(
        run.sink,
        `No case of the switch "${node.id}" matches ${what} at ${['$', ...node.path].join('.')}, and it has no default.`,
      ),
    );
  });
}

/** Enough of a value for the text of an error. */
function shown(member: unknown): string {
  if (typeof member === 'object' && member !== null) return Array.isArray(member) ? 'a list' : 'an object';
  const text = JSON.stringify(typeof member === 'string' ? member.slice(0, SHOWN_CHARS + 1) : member);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let member = value;
  for (const name of path) {
    if (typeof member !== 'object' || member === null || !Object.hasOwn(member, name)) return undefined;
    member = (member as Record<string, unknown>)[name];
  }
  return member;
}

function scatter(node: ScatterNode, run: OperatorRun, input: Value): void | Promise<void> {
  const { sink } = run;
  const list = listIn(input);
  if (list !== undefined) {
    if (list.length > run.instanceLimit) {
      tooMany(node, run, input, list.length);
      return;
    }
    for (const item of list) {
      item.retain();
      run.item(boxed(sink, item));
    }
    input.release();
    run.send('scope', put(sink, {}), run.env);
    return;
  }
  return open(input, (decoded) => {
    const items = (decoded as { value?: unknown } | null | undefined)?.value || [];
    if (!Array.isArray(items)) {
      input.release();
      run.fail(
        errorValue(
          sink,
          `Parallel combinator failed to invoke a composition at AST node root${node.path} (see log for details)`,
        ),
      );
      return;
    }
    if (items.length > run.instanceLimit) {
      tooMany(node, run, input, items.length);
      return;
    }
    input.release();
    for (const item of items as unknown[])
      run.item(put(sink, (shapeOf(item) & Shape.OBJECT) !== 0 ? item : { value: item }));
    run.send('scope', put(sink, {}), run.env);
  });
}

function tooMany(node: ScatterNode, run: OperatorRun, input: Value, count: number): void {
  input.release();
  run.fail(errorValue(run.sink, tooManyInstances(node.id, count, run.instanceLimit)));
}

/** The items of the member `value`, when the agent itself has put it together. */
function listIn({ body }: Value): readonly Value[] | undefined {
  if (body.at !== 'record') return undefined;
  // Of members with one name the last counts, as in JSON.
  const value = body.entries.findLast(([name]) => name === 'value')?.[1].body;
  return value?.at === 'list' ? value.items : undefined;
}
