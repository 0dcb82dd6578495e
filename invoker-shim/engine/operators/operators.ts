import { Shape, encodeValue } from '@dataflower/action-runtime/protocol';
import type { GateNode, OperatorNode, ScatterNode, SwitchNode } from '@dataflower/composer/graph';
import { ask, putEncoded } from '../../sink/ask.js';
import type { Answer, Question } from '../../sink/questions.js';
import type { DataSink, Value } from '../../sink/value.js';
import { Environment } from '../values/environment.js';
import { tooManyInstances } from './instance-limit.js';
import { branchesOf } from './switch-branches.js';

const SHOWN_CHARS = 100;

/** One instance of an operator. It owns its inputs: each is passed on or released. */
export interface OperatorRun {
  readonly sink: DataSink;
  readonly inputs: readonly Value[];
  readonly env: Environment | null;
  /** Of a `let` or a `mask`: JSON of its frame. */
  readonly frame: string | undefined;
  /** Instances that it may start. */
  readonly instanceLimit: number;
  /** So many items are about to leave; false: the whole run ends. */
  mayStart(items: number): boolean;
  /** So many tokens are on their way that items are to leave later. */
  readonly crowded: boolean;
  /** Calls `piece` in later turns of the event loop until it gives false, or until nobody wants the items any more. */
  later(piece: () => boolean): Promise<void>;
  /** The constant of a literal. */
  literal(value: unknown): Value;
  /** Sends by an output port; takes the reference over. */
  send(port: string, value: Value, env: Environment | null): void;
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
      putOut(run, run.literal(node.value));
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
    case 'mask':
      run.send('out', input, Environment.inside(env, run.frame!));
      break;
    case 'scope':
      run.send('out', input, env === null ? null : env.truncated(node.depth));
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

/** Asks a value for `use`, which releases it. */
function open<Q extends Question>(
  value: Value,
  question: Q,
  use: (answer: Answer<Q>) => void | Promise<void>,
): void | Promise<void> {
  const answer = ask(value, question);
  if (!(answer instanceof Promise)) return use(answer);
  return answer.then(use, (error: unknown) => {
    value.release();
    throw error;
  });
}

function onlyError(sink: DataSink, value: Value, use: (value: Value) => void): void | Promise<void> {
  return open(value, { ask: 'error' }, (error) => {
    value.release();
    use(putEncoded(sink, error));
  });
}

function chooseBranch(node: SwitchNode, run: OperatorRun, input: Value): void | Promise<void> {
  return open(input, { ask: 'member', path: node.path }, (member) => {
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

function scatter(node: ScatterNode, run: OperatorRun, input: Value): void | Promise<void> {
  const { sink } = run;
  const list = listIn(input);
  if (list !== undefined) {
    if (list.length > run.instanceLimit) {
      tooMany(node, run, input, list.length);
      return;
    }
    return forEach(run, list, boxItem, () => input.release());
  }
  return open(input, { ask: 'items', limit: run.instanceLimit }, (items) => {
    if (items === undefined) {
      input.release();
      run.fail(
        errorValue(
          sink,
          `Parallel combinator failed to invoke a composition at AST node root${node.path} (see log for details)`,
        ),
      );
      return;
    }
    if (typeof items === 'number') {
      tooMany(node, run, input, items);
      return;
    }
    input.release();
    return forEach(run, items, putEncoded, () => undefined);
  });
}

/** Items that leave at once when few tokens are on their way; of more, or when there are many, a few at a time leave. */
const ITEMS_AT_ONCE = 512;
const ITEMS_OF_PIECE = 16;

/** Sends the items, and then the scope; `done` is called in any case. */
function forEach<T>(
  run: OperatorRun,
  items: readonly T[],
  valueOf: (sink: DataSink, item: T) => Value,
  done: () => void,
): void | Promise<void> {
  if (!run.mayStart(items.length)) {
    done();
    return;
  }
  let next = 0;
  const send = (count: number): boolean => {
    const end = Math.min(items.length, next + count);
    while (next < end) run.item(valueOf(run.sink, items[next++]!));
    return next < items.length;
  };
  const finish = (): void => {
    done();
    run.send('scope', put(run.sink, {}), run.env);
  };
  if (items.length <= ITEMS_AT_ONCE && !run.crowded) {
    send(items.length);
    finish();
    return;
  }
  return run.later(() => send(ITEMS_OF_PIECE)).then(finish);
}

function boxItem(sink: DataSink, item: Value): Value {
  item.retain();
  return boxed(sink, item);
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
