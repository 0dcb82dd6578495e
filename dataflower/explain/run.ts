import type { RecordedDataflow } from '@dataflower/common/records';

/** The members of an activation record of the API that an explanation needs. */
export interface RunRecord {
  readonly activationId: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end?: number;
  readonly logs?: readonly string[];
  readonly annotations?: readonly { readonly key: string; readonly value?: unknown }[];
  readonly response?: { readonly status: string; readonly success: boolean; readonly result?: unknown };
}

/** One activation with its parts. Times in ms since the epoch. */
export interface Run {
  readonly activationId: string;
  /** Name of the action. */
  readonly name: string;
  /** Name of the node in the graph, or else of the action. */
  readonly node: string;
  /** Instance of the node: its scatter indices; empty outside of a scatter. */
  readonly tag: string;
  readonly isWorkflow: boolean;
  readonly status: string;
  readonly success: boolean;
  /** Text of the error; undefined after a success. */
  readonly error: string | undefined;
  readonly cancelled: boolean;
  /** The host that was lost during the run. Records of parts on it are missing at least until it is back. */
  readonly lostHost: string | undefined;
  /** Arrival of the last input; for a workflow its start. */
  readonly queued: number;
  /** Start of the container and loading of the code, as far as the run has waited for them, in ms. */
  readonly initMs: number;
  readonly coldStart: boolean;
  readonly started: number;
  readonly firstOutput: number;
  readonly ended: number;
  readonly lastByte: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly host: string | undefined;
  readonly container: string | undefined;
  /** Activation id of the part whose value completed the inputs; undefined: the caller's value did, or it is unknown. */
  readonly after: string | undefined;
  /** For a workflow: activation id of the part that gave its result or error. */
  readonly last: string | undefined;
  readonly parts: readonly Run[];
}

export function runOf(record: RunRecord, parts: readonly Run[] = []): Run {
  const annotations = new Map(record.annotations?.map(({ key, value }) => [key, value]));
  const times = (annotations.get('dataflow') ?? {}) as RecordedDataflow;
  const { start, end = start, response } = record;
  const isWorkflow = annotations.get('kind') === 'sequence';
  const ended = isWorkflow ? end : (times.ended ?? end);
  return {
    activationId: record.activationId,
    name: record.name,
    node: nodeLabel(times.node, record.name),
    tag: [times.tag ?? []].flat().join('.'),
    isWorkflow,
    status: response?.status ?? 'unknown',
    success: response?.success ?? true,
    error: response?.success === false ? errorText(response.result) : undefined,
    cancelled: annotations.get('cancelled') === true,
    lostHost: annotations.has('lostHost') ? String(annotations.get('lostHost')) : undefined,
    queued: times.queued ?? start,
    initMs: Math.round((times.boot ?? 0) + (times.init ?? 0)),
    coldStart: times.coldStart === true,
    started: times.started ?? start,
    firstOutput: times.firstOutput ?? ended,
    ended,
    lastByte: times.lastByte ?? ended,
    bytesIn: times.bytesIn ?? 0,
    bytesOut: times.bytesOut ?? 0,
    host: times.host,
    container: times.container === '' ? undefined : times.container,
    after: times.after,
    last: times.last,
    parts,
  };
}

/** All parts of a run and of its inner workflows; a workflow precedes its parts. */
export function* allParts(run: Run): Generator<Run> {
  for (const part of run.parts) {
    yield part;
    yield* allParts(part);
  }
}

/** Adds the name of the action to the numeric node names of sequences and compositions. */
function nodeLabel(node: string | undefined, name: string): string {
  if (node === undefined) return name;
  return /^[a-z]/i.test(node) ? node : `${node} ${name}`;
}

function errorText(result: unknown): string {
  const error = typeof result === 'object' && result !== null && 'error' in result ? result.error : result;
  return typeof error === 'string' ? error : JSON.stringify(error ?? null);
}
