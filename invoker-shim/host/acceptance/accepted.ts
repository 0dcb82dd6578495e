import { JsonText, type RecordNotes, quoted } from '@dataflower/common/records';
import type { ActionDescription, Identity, WorkflowTarget } from '../host.js';

/** An accepted activation before it has a record: the caller, the action and the time. A `StartMessage` is one. */
export interface AcceptedActivation {
  readonly activationId: string;
  readonly transactionId: string;
  readonly identity: Identity;
  readonly target:
    | { readonly type: 'function'; readonly action: ActionDescription }
    | (Pick<WorkflowTarget, 'type' | 'action' | 'workflow'> & { readonly cause?: string | undefined });
  /** By the wall: milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** A noted activation, and the host that it was given to. */
export interface NotedActivation {
  readonly accepted: AcceptedActivation;
  readonly host: string;
}

/** A note as it is in the log: short, since every activation has one. */
type NoteData = readonly [
  namespace: string,
  subject: string,
  receivedAt: number,
  transactionId: string,
  host: string,
  action: ActionDescription,
  workflow: WorkflowTarget['workflow'] | null,
  cause: string | null,
];

/**
 * Notes in the log that an activation is accepted. Its record settles the note. The next start of the process writes a record
 * for each note that is not settled, so that every accepted activation has a record.
 */
export function noteAccepted(notes: RecordNotes, { accepted, host }: NotedActivation): void {
  const { activationId, transactionId, identity, target, receivedAt } = accepted;
  const isWorkflow = target.type === 'workflow';
  const caller = `${quoted(identity.namespace)},${quoted(identity.subject)},${receivedAt},${quoted(transactionId)}`;
  const action = `${quoted(host)},${actionText(target.action)},${isWorkflow ? quoted(target.workflow) : 'null'}`;
  const cause = isWorkflow && target.cause !== undefined ? quoted(target.cause) : 'null';
  notes.put('activation', activationId, new JsonText(`[${caller},${action},${cause}]`));
}

const actionTexts = new WeakMap<ActionDescription, string>();

function actionText(action: ActionDescription): string {
  let text = actionTexts.get(action);
  if (text === undefined) {
    const { name, path, version, kind, limits, binding } = action;
    text = JSON.stringify({ name, path, version, kind, limits, ...(binding !== undefined && { binding }) });
    actionTexts.set(action, text);
  }
  return text;
}

/** The activations that an earlier process has accepted and that have no record in this log. */
export function notedActivations(notes: RecordNotes): NotedActivation[] {
  return notes.open('activation').map(({ key, data }) => {
    const [namespace, subject, receivedAt, transactionId, host, action, workflow, cause] = data as NoteData;
    const target: AcceptedActivation['target'] =
      workflow === null
        ? { type: 'function', action }
        : { type: 'workflow', action, workflow, ...(cause !== null && { cause }) };
    const accepted = { activationId: key, transactionId, identity: { namespace, subject }, target, receivedAt };
    return { accepted, host };
  });
}
