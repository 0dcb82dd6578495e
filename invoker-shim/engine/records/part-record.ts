import type { ActivationRecord } from '@dataflower/common/records';
import type { RunEnd } from '../../containers/executor.js';
import type { Activation, Status } from '../activation/activation.js';
import type { FunctionInstance } from '../activation/run.js';
import type { Identity } from '../../host/host.js';
import { annotationsText, partAnnotations } from './part-annotations.js';

/** A result as a record keeps it. */
export interface ResultText {
  readonly text: string;
  readonly size: number;
}

/** The record of one function run (OpenWhisk's primitive activation, with the data-flow times). */
export function functionRecord(
  instance: FunctionInstance,
  identity: Identity,
  end: RunEnd,
  result: ResultText,
  hostId: string,
): ActivationRecord {
  const { place, target } = instance;
  const { action } = target;
  const annotations = partAnnotations(instance, end, hostId);
  const begun = end.startedAt - (end.initMs ?? 0);
  return {
    activationId: instance.activationId,
    namespace: identity.namespace,
    subject: identity.subject,
    name: action.name,
    version: action.version,
    ...(place === undefined ? {} : { cause: place.activation.id }),
    start: begun + instance.wallAhead,
    end: end.endedAt + instance.wallAhead,
    duration: end.endedAt - begun,
    status: end.status,
    result: result.text,
    size: result.size,
    logs: end.logs,
    annotations,
    annotationsText: annotationsText(annotations, action),
    trace: place === undefined ? (instance.traceparent ?? instance.activationId) : place.activation.trace,
  };
}

/** Where a workflow stands in the one around it, and the part that its result or its error came from (DV-5). */
function workflowTimes({ place, parts, lastPart }: Activation): object | undefined {
  const last = parts.idOf(lastPart);
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
 * @param end When it answered, by the wall.
 */
export function workflowRecord(
  activation: Activation,
  status: Status,
  result: ResultText,
  end: number,
): ActivationRecord {
  const { target, identity, cause } = activation;
  const { action } = target;
  const annotations: Record<string, unknown> = {
    topmost: cause === undefined,
    path: action.path,
    kind: 'sequence',
    waitTime: Math.max(0, activation.startedAt - activation.received),
    limits: action.limits,
  };
  if (target.workflow === 'composition') annotations['conductor'] = true;
  if (cause !== undefined) annotations['causedBy'] = 'sequence';
  const times = workflowTimes(activation);
  if (times !== undefined) annotations['dataflow'] = times;
  if (activation.cancelled) annotations['cancelled'] = true;
  if (activation.lateErrors > 0) annotations['failedAfterAnswer'] = activation.lateErrors;
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
