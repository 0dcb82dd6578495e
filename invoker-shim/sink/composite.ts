import { Shape } from '@dataflower/action-runtime/protocol';
import { CountedValue } from './counted-value.js';
import type { Value, ValueBody } from './value.js';

/** What a composite tells the sink that made it. */
export interface CompositeOwner {
  setWaiting(value: Value, waiting: boolean): void;
  compositeGone(): void;
}

/** A LIST or RECORD over other values, which it owns: it has no bytes of its own. */
export class Composite extends CountedValue {
  readonly #parts: number;
  readonly #depth: number;

  constructor(
    private readonly owner: CompositeOwner,
    shape: number,
    size: number,
    body: ValueBody,
  ) {
    super(shape, size, body);
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
    eachChild(this.held, (child) => this.owner.setWaiting(child, spillable));
  }

  protected override gone(): void {
    eachChild(this.held, (child) => child.release());
    this.held = EMPTY;
    this.owner.compositeGone();
  }
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
export function listSize(items: readonly Value[]): number {
  let size = COUNT_BYTES;
  for (const item of items) size += LENGTH_BYTES + item.size;
  return size;
}

/** Bytes that the RECORD takes when everything is encoded inline. */
export function recordSize(entries: readonly (readonly [name: string, item: Value])[]): number {
  let size = COUNT_BYTES;
  for (const [name, item] of entries) size += NAME_LENGTH_BYTES + Buffer.byteLength(name) + LENGTH_BYTES + item.size;
  return size;
}

export const LIST_SHAPE = Shape.ARRAY | Shape.TRUTHY;

/** Shape of the object that the entries make; of entries with one name the last counts, as in JSON. */
export function recordShape(entries: readonly (readonly [name: string, item: Value])[]): number {
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
