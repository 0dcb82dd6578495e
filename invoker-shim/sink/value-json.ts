import fs from 'node:fs/promises';
import { ProtocolError, decodeValue } from '@dataflower/action-runtime/protocol';
import { SinkError } from './errors.js';
import type { Value, ValueBody } from './value.js';

/** As deep as values may nest between functions. */
export const MAX_DEPTH = 64;

/**
 * A value in memory as JavaScript, byte strings as base64.
 * @throws SinkError VALUE_IN_FILE when some of its bytes are in a file; ProtocolError when it is malformed.
 */
export function valueToJson(value: Value): unknown {
  const body = value.body;
  // The usual case first: a small value without parts.
  return body.at === 'memory' ? decodeValue(body.bytes, [], 'base64') : compositeToJson(body, 0);
}

function compositeToJson(body: ValueBody, depth: number): unknown {
  checkDepth(depth);
  switch (body.at) {
    case 'memory':
      return decodeValue(body.bytes, [], 'base64');
    case 'file':
      throw new SinkError('VALUE_IN_FILE', 'the value is in a file: read it with toJsonAsync');
    case 'list':
      return body.items.map((item) => compositeToJson(item.body, depth + 1));
    case 'record': {
      const object: Record<string, unknown> = {};
      for (const [name, item] of body.entries) define(object, name, compositeToJson(item.body, depth + 1));
      return object;
    }
  }
}

/** A value as JavaScript, byte strings as base64; files are read one after the other. Rejects as `valueToJson` throws. */
export async function valueToJsonAsync(value: Value, depth = 0): Promise<unknown> {
  checkDepth(depth);
  const body = value.body;
  switch (body.at) {
    case 'memory':
      return decodeValue(body.bytes, [], 'base64');
    case 'file':
      return decodeValue(await readLeaf(value), [], 'base64');
    case 'list': {
      const list: unknown[] = [];
      for (const item of body.items) list.push(await childToJson(item, depth + 1));
      return list;
    }
    case 'record': {
      const object: Record<string, unknown> = {};
      for (const [name, item] of body.entries) define(object, name, await childToJson(item, depth + 1));
      return object;
    }
  }
}

/** Children in memory need no turn of the loop each. */
function childToJson(value: Value, depth: number): unknown {
  const body = value.body;
  return body.at === 'memory' ? decodeValue(body.bytes, [], 'base64') : valueToJsonAsync(value, depth);
}

/**
 * The encoded bytes of a value without parts, wherever they are. The caller holds a reference until it resolves.
 * Rejects with the file system's error when the file cannot be read.
 */
export async function readLeaf(value: Value): Promise<Buffer> {
  for (;;) {
    const body = value.body;
    if (body.at === 'memory') return body.bytes;
    if (body.at !== 'file') throw new TypeError('a composite has no bytes of its own');
    try {
      return await fs.readFile(body.path);
    } catch (error) {
      // It was moved to disk between the look and the read.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && value.body !== body) continue;
      throw error;
    }
  }
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw new ProtocolError('VALUE_TOO_DEEP', `nested deeper than ${MAX_DEPTH}`);
}

/** Sets a member as JSON.parse does, whatever its name. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[name] = value;
  }
}
