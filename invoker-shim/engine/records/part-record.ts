import type { ActivationRecord, WorkflowDataflowAnnotation } from '@dataflower/common/records';
import type { RunEnd } from '../../containers/executor.js';
import type { ResultText } from '../../results/result-text.js';
import type { Status } from '../activation/activation.js';
import type { Home } from '../activation/home.js';
import type { Run } from '../activation/run.js';
import { annotationsText, partAnnotations } from './part-annotations.js';

/** The record of one function run (OpenWhisk's primitive activation, with the data-flow times). */
export function functionRecord(run: Run, end: RunEnd, result: ResultText, hostId: string): ActivationRecord {
  const { firing, identity, target, wallAhead } = run;
  const { action } = target;
  const annotations = partAnnotations(run, end, hostId);
  const begun = end.startedAt - (end.initMs ?? 0);
  return {
    activationId: run.activationId,
    namespace: identity.namespace,
    subject: identity.subject,
    name: action.name,
    version: action.version,
    ...(firing === undefined ? {} : { cause: firing.activation.id }),
    start: begun + wallAhead,
    end: end.endedAt + wallAhead,
    duration: end.endedAt - begun,
    status: end.status,
    result: result.text,
    size: result.size,
    logs: end.logs,
    annotations,
    annotationsText: annotationsText(annotations, action),
    trace: run.trace,
  };
}

/** Place of a workflow in the one around it, and the part from which its result or its error came (DV-5). */
function placeOf({ place, activation, lastPart }: Home): WorkflowDataflowAnnotation | undefined {
  const last = activation.parts.idOf(lastPart);
  if (place === undefined && last === undefined) return undefined;
  return {
    ...(place !== undefined && { node: place.node.id, tag: place.tag }),
    ...(place?.after !== undefined && { after: place.after }),
    ...(last !== undefined && { last }),
  };
}

/**
 * The record of a workflow (OpenWhisk's sequence activation): its logs are its parts, in graph order, then by tag.
 *
 * @param end Time of the answer, by the wall.
 */
export function workflowRecord(home: Home, status: Status, result: ResultText, end: number): ActivationRecord {
  const { activation } = home;
  const { target, identity, cause } = activation;
  const { action } = target;
  const annotations: Record<string, unknown> = {
    topmost: cause === undefined,
    path: action.path,
    kind: 'sequence',
    waitTime: Math.max(0, home.startedAt - activation.received),
    limits: action.limits,
  };
  if (target.workflow === 'composition') annotations['conductor'] = true;
  if (cause !== undefined) annotations['causedBy'] = 'sequence';
  const place = placeOf(home);
  if (place !== undefined) annotations['dataflow'] = place;
  if (activation.cancelled) annotations['cancelled'] = true;
  if (home.lateErrors > 0) annotations['failedAfterAnswer'] = home.lateErrors;
  return {
    activationId: activation.id,
    namespace: identity.namespace,
    subject: identity.subject,
    name: action.name,
    version: action.version,
    ...(cause === undefined ? {} : { cause }),
    start: activation.received + activation.wallAhead,
    end,
    duration: activation.parts.duration,
    status,
    result: result.text,
    size: result.size,
    logs: activation.parts.inGraphOrder(),
    annotations,
    trace: activation.trace,
  };
}
