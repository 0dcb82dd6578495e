import type { RecordedDataflow } from '@dataflower/common/records';

/** An activation record as the API gives it, as far as a run is explained by it. */
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

/** One activation with its parts. Times in milliseconds since the epoch. */
export interface Run {
  readonly activationId: string;
  /** Of the action. */
  readonly name: string;
  /** Of the node in the graph; of the action where there is none. */
  readonly node: string;
  /** Which instance of the node: the path of scatter indices; empty outside. */
  readonly tag: string;
  readonly isWorkflow: boolean;
  readonly status: string;
  readonly success: boolean;
  /** Its error as a text; undefined when it succeeded. */
  readonly error: string | undefined;
  readonly cancelled: boolean;
  /** The host that was lost while it ran; what its parts did there is known when the host is back, if at all. */
  readonly lostHost: string | undefined;
  /** Its inputs were all there; of a workflow its start. */
  readonly queued: number;
  /** How long its container took to start and to load the code, when this run has waited for it; else 0. */
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
  /** Activation id of the part whose value it has waited for longest; undefined: the caller's, or not known. */
  readonly after: string | undefined;
  /** Of a workflow: the part that its result or error came from. */
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

/** All parts of a run, those of workflows inside it too, each workflow before its own. */
export function* allParts(run: Run): Generator<Run> {
  for (const part of run.parts) {
    yield part;
    yield* allParts(part);
  }
}

/** The nodes of sequences and compositions have numbers, which say little. */
function nodeLabel(node: string | undefined, name: string): string {
  if (node === undefined) return name;
  return /^[a-z]/i.test(node) ? node : `${node} ${name}`;
}

function errorText(result: unknown): string {
  const error = typeof result === 'object' && result !== null && 'error' in result ? result.error : result;
  return typeof error === 'string' ? error : JSON.stringify(error ?? null);
}
