import composer, { type Composition } from '@dataflower/composer';

/** The size of an input: for a measurement, or for a test. */
export type Size = 'full' | 'short';

/** An input that one user may send and that must not disturb other users. */
export interface HostileInput {
  readonly name: string;
  /** The actions to put first, by name; the last one is invoked when all are accepted. */
  put(size: Size): Readonly<Record<string, object>>;
  readonly payload?: (size: Size) => object;
  /** Cancel the run when it is under way. */
  readonly cancelled?: boolean;
  /** How it ends: the status of the refused PUT, or what the answer of the run says. */
  readonly ends: { readonly refused: number } | { readonly says: RegExp };
}

const KIND = 'nodejs:20';

/** An action that holds a composition. */
export function composed(composition: Composition): object {
  return {
    exec: { kind: KIND, code: 'function main() { return {} }' },
    annotations: [
      { key: 'conductor', value: composition },
      { key: 'composerVersion', value: '0.12.0' },
    ],
  };
}

/** An action that holds a graph. */
export function graphed(graph: object): object {
  return {
    exec: { kind: KIND, code: 'function main() { return {} }' },
    annotations: [{ key: 'dataflower', value: { version: 1, graph } }],
  };
}

const code = (text: string): object => ({ exec: { kind: KIND, code: text } });
const pick = (size: Size, full: number, short: number): number => (size === 'full' ? full : short);
const numbers = (count: number): { value: number[] } => ({ value: Array.from({ length: count }, (_, i) => i) });
const large = (): string => 'x'.repeat(900_000);
const { sequence, map, parallel, literal, retain, empty } = composer;
const letIn = composer.let;
const call = (name: string): Composition => composer.action(name);
const repeated = (count: number): Composition[] => Array.from({ length: count }, () => retain(empty()));

/** The corpus. Add to it what has once troubled a server. */
export const hostileInputs: readonly HostileInput[] = [
  {
    name: 'a composition that runs itself twice at once',
    put: () => ({ doubles: composed(parallel(call('doubles'), call('doubles'))) }),
    ends: { says: /limits\.workflow(Bytes|Instances)/ },
  },
  {
    name: 'a composition that runs itself for each of a hundred items',
    put: () => ({ branches: composed(sequence(literal(numbers(100)), map(call('branches')))) }),
    ends: { says: /limits\.workflow|puts together/ },
  },
  {
    name: 'thousands of joins of fifty thousand branches each',
    put: (size) => ({
      wide: graphed({
        version: 1,
        nodes: Array.from({ length: pick(size, 8000, 800) }, (_, i) => ({ id: `j${i}`, kind: 'join', width: 50_000 })),
        edges: [{ from: '$USER.params', to: '$USER.result' }],
      }),
    }),
    ends: { refused: 400 },
  },
  {
    name: 'a value that doubles with each of 26 steps',
    put: () => ({
      noop: code('function main(a) { return {} }'),
      grows: composed(sequence(literal({ text: 'x'.repeat(100) }), ...repeated(26), call('noop'))),
    }),
    ends: { says: /puts together a value of \d+/ },
  },
  {
    name: 'a constant of 900 KB for each of 6,000 items',
    put: (size) => ({
      constants: composed(sequence(literal(numbers(pick(size, 6000, 1500))), map(literal({ text: large() })))),
    }),
    ends: { says: /limits\.workflowValueBytes/ },
  },
  {
    name: 'variables of 900 KB around each of 6,000 items',
    put: (size) => ({
      variables: composed(
        sequence(literal(numbers(pick(size, 6000, 1500))), map(letIn({ text: large() }, letIn({ n: 1 }, empty())))),
      ),
    }),
    ends: { says: /^\{"value":\[\{"value":0\}/ },
  },
  {
    name: 'variables of 900 KB around a map of 6,000 items with variables of its own',
    put: (size) => ({
      frames: composed(
        sequence(literal(numbers(pick(size, 6000, 1500))), letIn({ text: large() }, map(letIn({ n: 1 }, empty())))),
      ),
    }),
    ends: { says: /^\{"value":\[\{"value":0\}/ },
  },
  {
    name: 'three maps inside each other over 300 items each',
    put: (size) => {
      const items = literal(numbers(pick(size, 300, 60)));
      return { nested: composed(sequence(items, map(items, map(items, map(literal({})))))) };
    },
    ends: { says: /limits\.workflow(Bytes|Instances|Tokens)|^\{"value":/ },
  },
  {
    name: 'a map over a hundred thousand items that wait, cancelled',
    put: () => ({
      sleeps: code('function main() { return new Promise((resolve) => setTimeout(resolve, 50000, {})) }'),
      waits: composed(map(call('sleeps'))),
    }),
    payload: (size) => numbers(pick(size, 100_000, 10_000)),
    cancelled: true,
    ends: { says: /cancelled/i },
  },
  {
    name: 'a map over a megabyte of items that each run a workflow',
    put: () => ({
      inner: composed(sequence(empty(), literal({ done: true }))),
      maps: composed(map(call('inner'))),
    }),
    payload: (size) => numbers(pick(size, 100_000, 5000)),
    ends: { says: /^\{"value":\[\{"done":true\}|exceeded the allowed length/ },
  },
  {
    name: 'a list of many megabytes that a function puts out, mapped',
    put: (size) => ({
      puts: code(
        `function main() { return { value: Array.from({ length: ${pick(size, 40_000, 20_000)} }, (_, i) => ({ i, text: 'x'.repeat(300) })) } }`,
      ),
      lists: composed(sequence(call('puts'), map(empty()))),
    }),
    ends: { says: /exceeded the allowed length/ },
  },
  {
    name: 'a chain of thousands of steps that are no function',
    put: (size) => ({
      long: composed(sequence(...Array.from({ length: pick(size, 3000, 1000) }, () => retain(literal({}))))),
    }),
    ends: { says: /^\{|puts together/ },
  },
];
