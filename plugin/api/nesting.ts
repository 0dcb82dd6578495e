import { malformed } from './refusals.js';

const MAX_NESTING = 500;

/** Entities are walked by code that recurses. Throws 400. */
export function checkNesting(value: unknown, levels = MAX_NESTING): void {
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw malformed(`The values are nested more than ${MAX_NESTING} levels deep.`);
  for (const member of Object.values(value)) checkNesting(member, levels - 1);
}
