import { type Caller, WELL_KNOWN_KEY } from '../auth/identity.js';
import type { Subjects } from '../auth/subjects.js';
import { StoreUnavailableError } from '../stores/entity-store.js';
import { StartError } from './start-error.js';

export const GUEST = 'guest';

/**
 * The namespace to start with: its key is made at the first start and kept (DV-14). Of several processes at once, one
 * makes it. Throws `StartError` when it cannot be kept.
 */
export async function guestOf(subjects: Subjects, wellKnownKey: boolean): Promise<Caller> {
  const guest = subjects.named(GUEST) ?? (await made(subjects)) ?? subjects.named(GUEST);
  if (wellKnownKey) return subjects.lend(GUEST, WELL_KNOWN_KEY);
  if (guest === undefined) throw new Error('The namespace guest could not be made.');
  return guest;
}

async function made(subjects: Subjects): Promise<Caller | undefined> {
  try {
    return await subjects.add(GUEST);
  } catch (cause) {
    if (!(cause instanceof StoreUnavailableError)) throw cause;
    throw new StartError(`The namespace ${GUEST} cannot be kept: ${cause.message}`, { cause });
  }
}
