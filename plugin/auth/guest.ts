import { type Caller, WELL_KNOWN_KEY } from './identity.js';
import type { Subjects } from './subjects.js';

export const GUEST = 'guest';

/**
 * The namespace to start with: its key is made at the first start and kept (DV-14). Of several processes at once, one
 * makes it. Throws `StoreUnavailableError` when it cannot be kept.
 */
export async function guestOf(subjects: Subjects, wellKnownKey: boolean): Promise<Caller> {
  const guest = subjects.named(GUEST) ?? (await subjects.add(GUEST)) ?? subjects.named(GUEST);
  if (wellKnownKey) return subjects.lend(GUEST, WELL_KNOWN_KEY);
  if (guest === undefined) throw new Error('The namespace guest could not be made.');
  return guest;
}
