import type { ActivationRecord, RecordReader, RecordWriter } from '@dataflower/common/records';
import { type AcceptedActivation, type NotedActivation, notedActivations } from './accepted.js';
import { lostRecord } from './lost-record.js';

/** Most records that are searched for the parts of one namespace's lost workflows. */
const MAX_PARTS = 50_000;
const REASON = 'The process that ran it ended before it did.';

/**
 * Writes a record for every activation that an earlier process of this host had accepted and that has none. Resolves with
 * their number; they are written as soon as the disk allows. No activation may run yet.
 *
 * @param own The records in the files of this host.
 * @param now By the clock's `wall`: two processes share no other time.
 */
export async function completeLost(records: RecordWriter, own: RecordReader, now: number): Promise<number> {
  const lost = notedActivations(records.notes);
  if (lost.length === 0) return 0;
  const accepted = lost.map((one) => one.accepted);
  const parts = await partsOf(own, accepted);
  for (const one of lost) records.append(lostActivation(one, now, parts.get(one.accepted.activationId)));
  return lost.length;
}

/** The record of an activation whose process has ended. `parts`: the records of its parts, the oldest first. */
export function lostActivation(
  { accepted, host }: NotedActivation,
  now: number,
  parts: readonly ActivationRecord[] = [],
): ActivationRecord {
  return lostRecord(accepted, { host, started: true, reason: REASON, parts }, now - accepted.receivedAt);
}

/** The records of the parts of workflows, by the workflow's id. */
async function partsOf(
  records: RecordReader,
  lost: readonly AcceptedActivation[],
): Promise<Map<string, ActivationRecord[]>> {
  const workflows = lost.filter(({ target }) => target.type === 'workflow');
  const ids = new Set(workflows.map(({ activationId }) => activationId));
  const parts = new Map<string, ActivationRecord[]>();
  for (const namespace of new Set(workflows.map(({ identity }) => identity.namespace))) {
    const since = Math.min(
      ...workflows.filter(({ identity }) => identity.namespace === namespace).map(({ receivedAt }) => receivedAt),
    );
    for (const record of await records.list({ namespace, since }, 0, MAX_PARTS, true)) {
      if (record.cause === undefined || !ids.has(record.cause)) continue;
      parts.set(record.cause, [record, ...(parts.get(record.cause) ?? [])]);
    }
  }
  return parts;
}
