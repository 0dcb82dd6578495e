import { type DataflowAnnotation, quoted } from '@dataflower/common/records';
import type { RunEnd } from '../../containers/executor.js';
import type { ActionDescription } from '../../host/host.js';
import type { Run } from '../activation/run.js';

/** The annotations of a function's record: OpenWhisk's, and the times and sizes of the data flow (DV-5). */
export interface PartAnnotations extends Readonly<Record<string, unknown>> {
  readonly path: string;
  readonly waitTime: number;
  readonly kind: string;
  readonly timeout: boolean;
  readonly limits: object;
  readonly binding?: string;
  readonly initTime?: number;
  readonly causedBy?: 'sequence';
  /** Its user has cancelled it, or the workflow around it, and it was stopped for that. */
  readonly cancelled?: true;
  readonly dataflow: DataflowAnnotation;
}

export function partAnnotations(run: Run, end: RunEnd, hostId: string): PartAnnotations {
  const { firing, target, received, wallAhead } = run;
  const { action } = target;
  return {
    path: action.path,
    waitTime: Math.max(0, end.startedAt - (end.initMs ?? 0) - received),
    kind: action.kind,
    timeout: end.timedOut,
    limits: action.limits,
    ...(action.binding !== undefined && { binding: action.binding }),
    ...(end.initMs !== undefined && { initTime: end.initMs }),
    ...(firing !== undefined && { causedBy: 'sequence' as const }),
    ...(end.status === 2 && run.isCancelled && { cancelled: true as const }),
    dataflow: {
      node: firing?.node.id,
      tag: firing?.tag,
      after: firing?.activation.parts.idOf(firing.context.from),
      queued: received + wallAhead,
      boot: end.bootMs,
      init: end.initMs,
      started: end.startedAt + wallAhead,
      firstOutput: (run.firstOutputAt || end.endedAt) + wallAhead,
      ended: end.endedAt + wallAhead,
      lastByte: Math.max(run.lastByteAt, end.endedAt) + wallAhead,
      bytesIn: run.input.size,
      bytesOut: run.bytesOut,
      host: hostId,
      container: end.containerId,
      coldStart: end.coldStart,
    },
  };
}

/** Annotations that all runs of an action share, as JSON. */
interface ActionTexts {
  readonly path: string;
  readonly kind: string;
  readonly limits: string;
}

const actionTexts = new WeakMap<ActionDescription, ActionTexts>();

function textsOf(action: ActionDescription): ActionTexts {
  let texts = actionTexts.get(action);
  if (texts === undefined) {
    texts = {
      path: JSON.stringify(action.path),
      kind: JSON.stringify(action.kind),
      limits: JSON.stringify(action.limits),
    };
    actionTexts.set(action, texts);
  }
  return texts;
}

/**
 * The JSON of these annotations, byte for byte that of `JSON.stringify`, in less than half the time: every hop makes a
 * record.
 */
export function annotationsText(annotations: PartAnnotations, action: ActionDescription): string {
  const { binding, initTime, causedBy, cancelled, dataflow: d } = annotations;
  const { path, kind, limits } = textsOf(action);
  const some =
    (binding === undefined ? '' : `"binding":${JSON.stringify(binding)},`) +
    (initTime === undefined ? '' : `"initTime":${initTime},`) +
    (causedBy === undefined ? '' : `"causedBy":"${causedBy}",`) +
    (cancelled === undefined ? '' : '"cancelled":true,');
  const where =
    (d.node === undefined ? '' : `"node":${quoted(d.node)},`) +
    (d.tag === undefined ? '' : d.tag.length === 0 ? '"tag":[],' : `"tag":${JSON.stringify(d.tag)},`) +
    (d.after === undefined ? '' : `"after":"${d.after}",`);
  const init = (d.boot === undefined ? '' : `"boot":${d.boot},`) + (d.init === undefined ? '' : `"init":${d.init},`);
  return (
    `{"path":${path},"waitTime":${annotations.waitTime},"kind":${kind},"timeout":${annotations.timeout},` +
    `"limits":${limits},${some}"dataflow":{${where}"queued":${d.queued},${init}"started":${d.started},` +
    `"firstOutput":${d.firstOutput},"ended":${d.ended},"lastByte":${d.lastByte},"bytesIn":${d.bytesIn},` +
    `"bytesOut":${d.bytesOut},"host":${quoted(d.host)},"container":${quoted(d.container)},"coldStart":${d.coldStart}}}`
  );
}
