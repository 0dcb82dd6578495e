import { readFileSync } from 'node:fs';
import { decodeValue, encodeList, encodeRecord } from '@dataflower/action-runtime/protocol';
import type { Value } from '../value.js';

/** A value as JavaScript, byte strings as base64. */
export function jsonOf(value: Value): unknown {
  return decodeValue(read(value), [], 'base64');
}

/** At once, from files too. */
function read({ bytes, members, file }: Value): Buffer {
  if (members?.kind === 'list') return encodeList(members.items.map(read));
  if (members?.kind === 'record') return encodeRecord(members.entries.map(([name, item]) => [name, read(item)]));
  return bytes ?? readFileSync(file!);
}
