import { encodeList, encodeRecord } from '@dataflower/action-runtime/protocol';
import type { Value } from './value.js';
import { readLeaf } from './value-json.js';

/** A value's encoded bytes in one buffer, composites put together; a promise only where a file has to be read. */
export function bytesOf(value: Value): Buffer | Promise<Buffer> {
  const { body } = value;
  switch (body.at) {
    case 'memory':
      return body.bytes;
    case 'file':
      return readLeaf(value);
    case 'list':
      return all(body.items.map(bytesOf), encodeList);
    case 'record':
      return all(
        body.entries.map(([, item]) => bytesOf(item)),
        (items) => encodeRecord(body.entries.map(([name], i) => [name, items[i]!])),
      );
  }
}

function all(parts: (Buffer | Promise<Buffer>)[], join: (parts: Buffer[]) => Buffer): Buffer | Promise<Buffer> {
  return parts.every((part) => Buffer.isBuffer(part))
    ? join(parts)
    : Promise.all(parts.map((part) => Promise.resolve(part))).then(join);
}
