import { MAX_INLINE_BYTES, Shape, encodeList, encodeRecord } from '@dataflower/action-runtime/protocol';
import { CountedValue } from './counted-value.js';
import type { Value, ValueBody } from './value.js';

/** What a composite tells the sink that made it. */
export interface CompositeOwner {
  put(bytes: Buffer, shape: number): Value;
  setWaiting(value: Value, waiting: boolean): void;
  compositeMade(): void;
  compositeGone(): void;
}

/** A LIST or RECORD over other values, which it owns: it has no bytes of its own. */
class Composite extends CountedValue {
  readonly #parts: number;
  readonly #depth: number;

  readonly #owner: CompositeOwner;

  constructor(owner: CompositeOwner, shape: number, size: number, body: ValueBody) {
    super(shape, size, body);
    this.#owner = owner;

    let parts = 0;
    let depth = 0;
    eachChild(body, (child) => {
      parts += child.parts;
      if (child.depth > depth) depth = child.depth;
    });
    this.#parts = parts;
    this.#depth = depth + 1;
  }

  override get parts(): number {
    return this.#parts;
  }

  override get depth(): number {
    return this.#depth;
  }

  protected override spillableChanged(spillable: boolean): void {
    const isBroad = partsOf(this.held) > BROAD_PARTS;
    eachChild(this.held, (child) => {
      if (!isBroad || child.size >= MAX_INLINE_BYTES) this.#owner.setWaiting(child, spillable);
    });
  }

  protected override gone(): void {
    eachChild(this.held, (child) => child.release());
    this.held = EMPTY;
    this.#owner.compositeGone();
  }
}

/** A value with more parts has the small ones in memory: in files, each would have to be handed over by itself. */
const BROAD_PARTS = 1024;

function partsOf(body: ValueBody): number {
  return body.at === 'list' ? body.items.length : body.at === 'record' ? body.entries.length : 0;
}

const EMPTY: ValueBody = { at: 'list', items: [] };

function eachChild(body: ValueBody, visit: (child: Value) => void): void {
  if (body.at === 'list') for (const item of body.items) visit(item);
  else if (body.at === 'record') for (const entry of body.entries) visit(entry[1]);
}

/** Of an encoded composite: its kind and the number of its parts. */
export const COUNT_BYTES = 5;
/** Of each part. */
export const LENGTH_BYTES = 4;
const NAME_LENGTH_BYTES = 2;

/** Bytes that the LIST takes when everything is encoded inline. */
function listSize(items: readonly Value[]): number {
  let size = COUNT_BYTES;
  for (const item of items) size += LENGTH_BYTES + item.size;
  return size;
}

/** Bytes that the RECORD takes when everything is encoded inline. */
function recordSize(entries: readonly (readonly [name: string, item: Value])[]): number {
  let size = COUNT_BYTES;
  for (const [name, item] of entries) size += NAME_LENGTH_BYTES + Buffer.byteLength(name) + LENGTH_BYTES + item.size;
  return size;
}

export const LIST_SHAPE = Shape.ARRAY | Shape.TRUTHY;

/** Shape of the object that the entries make; of entries with one name the last counts, as in JSON. */
function recordShape(entries: readonly (readonly [name: string, item: Value])[]): number {
  let shape: number = Shape.OBJECT;
  for (const [name, item] of entries) {
    if (name === 'error') shape |= Shape.ERROR;
    if (name === 'value') shape = isTruthy(item.shape) ? shape | Shape.TRUTHY : shape & ~Shape.TRUTHY;
  }
  return shape;
}

/** Objects and arrays are truthy whatever is in them; of an object the TRUTHY bit speaks of its member `value`. */
function isTruthy(shape: number): boolean {
  return (shape & (Shape.OBJECT | Shape.ARRAY | Shape.TRUTHY)) !== 0;
}

/**
 * A composite up to this many bytes is put together at once when it is in memory: whoever reads or releases a value takes a
 * step for each part, and so has few steps to take whatever it was made of.
 */
const SMALL_BYTES = 4096;

/** A LIST of the items; takes over their references. */
export function listOf(owner: CompositeOwner, items: readonly Value[]): Value {
  const size = listSize(items);
  const parts = size > SMALL_BYTES ? undefined : bytesInMemory(items);
  if (parts === undefined) {
    owner.compositeMade();
    return new Composite(owner, LIST_SHAPE, size, { at: 'list', items });
  }
  for (const item of items) item.release();
  return owner.put(encodeList(parts), LIST_SHAPE);
}

/** A RECORD of the entries; takes over the references of their values. */
export function recordOf(owner: CompositeOwner, entries: readonly (readonly [name: string, item: Value])[]): Value {
  const size = recordSize(entries);
  const shape = recordShape(entries);
  const items = entries.map(([, item]) => item);
  const parts = size > SMALL_BYTES ? undefined : bytesInMemory(items);
  if (parts === undefined) {
    owner.compositeMade();
    return new Composite(owner, shape, size, { at: 'record', entries });
  }
  for (const item of items) item.release();
  return owner.put(encodeRecord(entries.map(([name], i) => [name, parts[i]!])), shape);
}

/** Undefined when one of the values has no bytes of its own in memory. */
function bytesInMemory(items: readonly Value[]): Buffer[] | undefined {
  const parts: Buffer[] = [];
  for (const { body } of items) {
    if (body.at !== 'memory') return undefined;
    parts.push(body.bytes);
  }
  return parts;
}
