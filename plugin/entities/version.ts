import { malformed } from '@dataflower/common/http';
import { wholeNumber } from '../http/query.js';

/**
 * OW-21: a version as it is stored. As OpenWhisk reads one: parts that are not given are 0, those behind the third do not
 * count. Throws 400.
 */
export function readVersion(value: unknown): string {
  const parts = typeof value === 'string' ? value.split('.', 3) : [];
  const [major, minor = 0n, patch = 0n] = parts.map((part) => wholeNumber(part, 32) ?? -1n);
  const isVersion = major !== undefined && major >= 0n && minor >= 0n && patch >= 0n && major + minor + patch > 0n;
  if (!isVersion) throw malformed('semantic version malformed');
  return `${major}.${minor}.${patch}`;
}

/** The version after an update that names none. */
export function nextVersion(version: string): string {
  const [major, minor, patch] = version.split('.');
  return `${major!}.${minor!}.${Number(patch) + 1}`;
}
