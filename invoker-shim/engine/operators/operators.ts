import type { GateNode, OperatorNode, ScatterNode, SwitchNode } from '@dataflower/composer/graph';
import { assertNever } from '@dataflower/common';
import { queryValue, putEncoded } from '../../sink/query-value.js';
import type { QueryResult, ValueQuery } from '../../sink/value-query.js';
import { type DataSink, type Value, isError, isTruthy } from '../../sink/value.js';
import { Environment } from '../values/environment.js';
import { boxed, errorValue, put } from '../values/json-value.js';

/** Characters of a value that the text of an error shows. */
const SHOWN_CHARS = 100;

/** Inputs and outputs of one firing of an operator, which owns the inputs: it passes each on or releases it. */
export interface OperatorPorts {
  readonly sink: DataSink;
  readonly inputs: readonly Value[];
  readonly env: Environment | null;
  /** JSON of the frame of a `let` or a `mask`. */
  readonly frame: string | undefined;
  /** Number of items that may leave. */
  readonly instanceLimit: number;
  /** Counts items that are about to leave; false: they are over the budget, and the whole run ends. */
  mayStart(items: number): boolean;
  /** False while the pipe is full: items leave later. */
  readonly hasRoom: boolean;
  /** Calls `piece` in later turns of the event loop until it returns false, or until the items are not wanted any more. */
  later(piece: () => boolean): Promise<void>;
  /** The constant of a literal. */
  literal(value: unknown): Value;
  /** Sends by an output port; takes the reference over. Default of `env`: the firing's. */
  send(port: string, value: Value, env?: Environment | null): void;
  /** Sends the input of the branches of a fork. */
  branch(value: Value): void;
  /** Sends the next element of a scatter. */
  item(value: Value): void;
  /** The firing fails; `value` is `{error}`. */
  fail(value: Value): void;
}

/** Runs an operator; a promise only where bytes have to be read from a file. Never runs user code. */
export function runOperator(node: OperatorNode, ports: OperatorPorts): void | Promise<void> {
  const { sink, inputs, env } = ports;
  const [input] = inputs as [Value, ...Value[]];
  switch (node.kind) {
    case 'literal':
      input.release();
      putOut(ports, ports.literal(node.value));
      break;
    case 'norm':
      if (isError(input)) return onlyError(sink, input, (value) => ports.fail(value));
      ports.send('out', boxed(sink, input));
      break;
    case 'strip':
      if (isError(input)) return onlyError(sink, input, (value) => ports.send('out', value, env));
      ports.send('out', input);
      break;
    case 'let':
    case 'mask':
      ports.send('out', input, Environment.inside(env, ports.frame!));
      break;
    case 'scope':
      ports.send('out', input, env === null ? null : env.truncated(node.depth));
      break;
    case 'gate':
      chooseByTruth(node, ports, input);
      break;
    case 'switch':
      return chooseBranch(node, ports, input);
    case 'scatter':
      return scatter(node, ports, input);
    case 'fork':
      ports.send('scope', put(sink, {}));
      ports.branch(input);
      break;
    case 'gather':
      inputs[1]!.release();
      ports.send('out', sink.record([['value', input]]));
      break;
    case 'join':
      inputs[node.width]!.release();
      ports.send('out', sink.record([['value', sink.list(inputs.slice(0, node.width))]]));
      break;
    case 'retain': {
      const both = sink.record([
        ['params', input],
        ['result', inputs[1]!],
      ]);
      ports.send('out', both);
      break;
    }
    default:
      assertNever(node);
  }
}

function putOut(ports: OperatorPorts, value: Value): void {
  if (isError(value)) ports.fail(value);
  else ports.send('out', value);
}

/** With a saved input that input goes on, else the tested value. */
function chooseByTruth(node: GateNode, ports: OperatorPorts, tested: Value): void {
  const port = isTruthy(tested) ? 'then' : 'else';
  if (node.byPass) tested.release();
  ports.send(port, node.byPass ? ports.inputs[1]! : tested);
}

/** Queries a value; `use` gets the result and releases the value. */
function open<Q extends ValueQuery>(
  value: Value,
  query: Q,
  use: (result: QueryResult<Q>) => void | Promise<void>,
): void | Promise<void> {
  const result = queryValue(value, query);
  if (!(result instanceof Promise)) return use(result);
  return result.then(use, (error: unknown) => {
    value.release();
    throw error;
  });
}

function onlyError(sink: DataSink, value: Value, use: (value: Value) => void): void | Promise<void> {
  return open(value, { get: 'error' }, (error) => {
    value.release();
    use(putEncoded(sink, error));
  });
}

function chooseBranch(node: SwitchNode, ports: OperatorPorts, input: Value): void | Promise<void> {
  return open(input, { get: 'member', path: node.path }, (member) => {
    const port = branchesOf(node).get(member) ?? node.default;
    if (port !== undefined) {
      ports.send(port, input);
      return;
    }
    input.release();
    const what = member === undefined ? 'a missing member' : shown(member);
    ports.fail(
      errorValue(
        ports.sink,
        `No case of the switch "${node.id}" matches ${what} at ${['$', ...node.path].join('.')}, and it has no default.`,
      ),
    );
  });
}

/** The beginning of a value, for the text of an error. */
function shown(member: unknown): string {
  if (typeof member === 'object' && member !== null) return Array.isArray(member) ? 'a list' : 'an object';
  const text = JSON.stringify(typeof member === 'string' ? member.slice(0, SHOWN_CHARS + 1) : member);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}

function scatter(node: ScatterNode, ports: OperatorPorts, input: Value): void | Promise<void> {
  const { sink } = ports;
  const list = listIn(input);
  if (list !== undefined) {
    if (list.length > ports.instanceLimit) {
      tooMany(node, ports, input, list.length);
      return;
    }
    return forEach(ports, list, boxItem, () => input.release());
  }
  return open(input, { get: 'items', limit: ports.instanceLimit }, (items) => {
    if (items === undefined) {
      input.release();
      ports.fail(
        errorValue(
          sink,
          `Parallel combinator failed to invoke a composition at AST node root${node.path} (see log for details)`,
        ),
      );
      return;
    }
    if (typeof items === 'number') {
      tooMany(node, ports, input, items);
      return;
    }
    input.release();
    return forEach(ports, items, putEncoded, () => undefined);
  });
}

/** Number of items that leave at once while the pipe has room. */
const ITEMS_AT_ONCE = 512;
/** Number of items that leave at once otherwise. */
const ITEMS_OF_PIECE = 16;

/** Sends the items, and then the scope; calls `done` in any case. */
function forEach<T>(
  ports: OperatorPorts,
  items: readonly T[],
  valueOf: (sink: DataSink, item: T) => Value,
  done: () => void,
): void | Promise<void> {
  if (!ports.mayStart(items.length)) {
    done();
    return;
  }
  let next = 0;
  const send = (count: number): boolean => {
    const end = Math.min(items.length, next + count);
    while (next < end) ports.item(valueOf(ports.sink, items[next++]!));
    return next < items.length;
  };
  const finish = (): void => {
    done();
    ports.send('scope', put(ports.sink, {}));
  };
  if (items.length <= ITEMS_AT_ONCE && ports.hasRoom) {
    send(items.length);
    finish();
    return;
  }
  return ports.later(() => send(ITEMS_OF_PIECE)).then(finish);
}

function boxItem(sink: DataSink, item: Value): Value {
  item.retain();
  return boxed(sink, item);
}

/** Error of a node that would start more instances by one FOREACH port than the limit allows. */
export function tooManyInstances(node: string, count: number, limit: number): string {
  return `The node "${node}" would start ${count} instances, the limit is ${limit}.`;
}

function tooMany(node: ScatterNode, ports: OperatorPorts, input: Value, count: number): void {
  input.release();
  ports.fail(errorValue(ports.sink, tooManyInstances(node.id, count, ports.instanceLimit)));
}

/** The items of the member `value`, when the engine has put them together itself. */
function listIn({ members }: Value): readonly Value[] | undefined {
  if (members?.kind !== 'record') return undefined;
  // Of members with one name the last counts, as in JSON.
  const list = members.entries.findLast(([name]) => name === 'value')?.[1].members;
  return list?.kind === 'list' ? list.items : undefined;
}

type Literal = SwitchNode['cases'][number]['equals'];

/** By node of a graph, which stays the same object. */
const branchTables = new WeakMap<SwitchNode, ReadonlyMap<unknown, string>>();

/** The port of each literal of a switch, of equal literals the first. Made once, so that a choice costs the same for any number of cases. */
export function branchesOf(node: SwitchNode): ReadonlyMap<unknown, string> {
  let table = branchTables.get(node);
  if (table === undefined) {
    const made = new Map<Literal, string>();
    for (const { equals, port } of node.cases) if (!made.has(equals)) made.set(equals, port);
    branchTables.set(node, (table = made));
  }
  return table;
}
