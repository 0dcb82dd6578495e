import { malformed } from '@dataflower/common/http';
import { wholeNumber } from '../http/query.js';

/** OW-21: normalizes a version as OpenWhisk does: missing parts are 0, parts after the third are ignored. Throws `ApiError` 400. */
export function readVersion(value: unknown): string {
  const parts = typeof value === 'string' ? value.split('.', 3) : [];
  const [major, minor = 0n, patch = 0n] = parts.map((part) => wholeNumber(part, 32) ?? -1n);
  const isVersion = major !== undefined && major >= 0n && minor >= 0n && patch >= 0n && major + minor + patch > 0n;
  if (!isVersion) throw malformed('semantic version malformed');
  return `${major}.${minor}.${patch}`;
}

/** The version of an update that sets none: the next patch. */
export function nextVersion(version: string): string {
  const [major, minor, patch] = version.split('.');
  return `${major!}.${minor!}.${Number(patch) + 1}`;
}
