import { malformed } from '@dataflower/common/http';

const MAX_NESTING = 500;

/**
 * Refuses values that could not be kept: entities are walked by code that recurses, and a number beyond a double would become
 * `null` when it is written again. Throws 400.
 */
export function checkValues(value: unknown, levels = MAX_NESTING): void {
  if (value === Infinity || value === -Infinity) throw malformed('A number in it is larger than a double can hold.');
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw malformed(`The values are nested more than ${MAX_NESTING} levels deep.`);
  for (const member of Object.values(value)) checkValues(member, levels - 1);
}
