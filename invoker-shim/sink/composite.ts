import { MAX_INLINE_BYTES, Shape, encodeList, encodeRecord } from '@dataflower/action-runtime/protocol';
import { listSize, recordSize } from './composite-framing.js';
import { CountedValue } from './counted-value.js';
import type { Members, Value, ValueReader } from './value.js';

/** The account that a composite is charged to. */
export interface CompositeAccount {
  put(bytes: Buffer, shape: number): Value;
  compositeMade(): void;
  compositeGone(): void;
}

/** A LIST or RECORD over other values, which it owns: it has no bytes of its own. */
class Composite extends CountedValue {
  #members: Members;
  readonly #parts: number;
  readonly #depth: number;

  readonly #account: CompositeAccount;

  constructor(account: CompositeAccount, shape: number, size: number, members: Members) {
    super(shape, size);
    this.#account = account;
    this.#members = members;

    let parts = 0;
    let depth = 0;
    eachMember(members, (member) => {
      parts += member.parts;
      if (member.depth > depth) depth = member.depth;
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

  override get bytes(): undefined {
    this.assertHeld();
    return undefined;
  }

  override get members(): Members {
    this.assertHeld();
    return this.#members;
  }

  override get file(): undefined {
    this.assertHeld();
    return undefined;
  }

  override reader(): ValueReader {
    throw new TypeError('a composite has no bytes of its own');
  }

  protected override spillableChanged(spillable: boolean): void {
    const isBroad = countOf(this.#members) > BROAD_MEMBERS;
    eachMember(this.#members, (member) => {
      if (!isBroad || member.size >= MAX_INLINE_BYTES) member.setWaiting(spillable);
    });
  }

  protected override gone(): void {
    eachMember(this.#members, (member) => member.release());
    this.#members = EMPTY;
    this.#account.compositeGone();
  }
}

/** A composite with more members keeps the small ones in memory: in files, each would have to be handed over by itself. */
const BROAD_MEMBERS = 1024;

function countOf(members: Members): number {
  return members.kind === 'list' ? members.items.length : members.entries.length;
}

const EMPTY: Members = { kind: 'list', items: [] };

function eachMember(members: Members, visit: (member: Value) => void): void {
  if (members.kind === 'list') for (const item of members.items) visit(item);
  else for (const entry of members.entries) visit(entry[1]);
}

export const LIST_SHAPE = Shape.ARRAY | Shape.TRUTHY;

/** Shape of the object that the entries make; of entries with one name the last counts, as in JSON. */
function recordShape(entries: readonly (readonly [name: string, item: Value])[]): number {
  let shape: number = Shape.OBJECT;
  for (const [name, item] of entries) {
    if (name === 'error') shape |= Shape.ERROR;
    if (name === 'value') shape = isTruthyMember(item) ? shape | Shape.TRUTHY : shape & ~Shape.TRUTHY;
  }
  return shape;
}

/** True for a value that is truthy as a member `value`: objects and arrays are, whatever is in them. */
function isTruthyMember({ shape }: Value): boolean {
  return (shape & (Shape.OBJECT | Shape.ARRAY | Shape.TRUTHY)) !== 0;
}

/**
 * A composite up to this many bytes is encoded at once when its members are in memory: reading and releasing a value takes
 * a step for each member, and a small value then takes few steps.
 */
const SMALL_BYTES = 4096;

/** A LIST of the items; takes over their references. */
export function listOf(account: CompositeAccount, items: readonly Value[]): Value {
  const size = listSize(items);
  const parts = size > SMALL_BYTES ? undefined : bytesInMemory(items);
  if (parts === undefined) {
    account.compositeMade();
    return new Composite(account, LIST_SHAPE, size, { kind: 'list', items });
  }
  for (const item of items) item.release();
  return account.put(encodeList(parts), LIST_SHAPE);
}

/** A RECORD of the entries; takes over the references of their values. */
export function recordOf(account: CompositeAccount, entries: readonly (readonly [name: string, item: Value])[]): Value {
  const size = recordSize(entries);
  const shape = recordShape(entries);
  const items = entries.map(([, item]) => item);
  const parts = size > SMALL_BYTES ? undefined : bytesInMemory(items);
  if (parts === undefined) {
    account.compositeMade();
    return new Composite(account, shape, size, { kind: 'record', entries });
  }
  for (const item of items) item.release();
  return account.put(encodeRecord(entries.map(([name], i) => [name, parts[i]!])), shape);
}

/** Undefined when the bytes of one of the values are not at hand. */
function bytesInMemory(items: readonly Value[]): Buffer[] | undefined {
  const parts: Buffer[] = [];
  for (const { bytes } of items) {
    if (bytes === undefined) return undefined;
    parts.push(bytes);
  }
  return parts;
}
