import { JsonText, type RecordNotes, quoted } from '@dataflower/common/records';
import type { ActionDescription, Identity, WorkflowTarget } from '../host.js';

/** What is known of an activation before its record: who called what, and when. A StartMessage is one. */
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

/** As it is in the log: short, since one is written for each. */
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
 * Notes that an activation is accepted, so that it has a record whatever dies: the next start completes what has none.
 * Its record settles the note.
 */
export function noteAccepted(notes: RecordNotes, { accepted, host }: NotedActivation): void {
  const { activationId, transactionId, identity, target, receivedAt } = accepted;
  const isWorkflow = target.type === 'workflow';
  const who = `${quoted(identity.namespace)},${quoted(identity.subject)},${receivedAt},${quoted(transactionId)}`;
  const what = `${quoted(host)},${actionText(target.action)},${isWorkflow ? quoted(target.workflow) : 'null'}`;
  const cause = isWorkflow && target.cause !== undefined ? quoted(target.cause) : 'null';
  notes.put('activation', activationId, new JsonText(`[${who},${what},${cause}]`));
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

/** The activations that an earlier process has noted and that have no record in this log. */
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
