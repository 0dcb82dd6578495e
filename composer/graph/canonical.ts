import { createHash } from 'node:crypto';
import type { Graph } from './types.js';

/** JSON with members in the order of their names and no spaces; members that JSON has no text for are left out. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((v) => canonicalText(v ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`);
  return `{${members.join(',')}}`;
}

/** The name of a graph: the sha256 of its canonical text, 64 hexadecimal digits. */
export function graphDigest(graph: Graph): string {
  return createHash('sha256').update(canonicalText(graph)).digest('hex');
}
