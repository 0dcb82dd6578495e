import type { Tag } from '../pipes/pipe.js';

/** In place of a part's number: the caller of the activation. */
export const CALLER = -1;

/** In place of a part's node: it was taken back before it started, and is no part any more. */
const DROPPED = -1;

/**
 * The parts of a workflow that have begun: function runs and workflows inside. A few columns instead of an object each,
 * since they stay until the workflow ends. A part is known by its number, in order of its beginning.
 */
export class PartList {
  readonly #ids: string[] = [];
  readonly #nodes: number[] = [];
  /** Milliseconds. */
  readonly #durations: number[] = [];
  /** The last index of each tag. */
  readonly #indices: number[] = [];
  /** Tags of more than one index, by part. */
  #tags: Map<number, Tag> | undefined;
  #dropped = 0;

  /** Parts without those that were taken back. */
  get size(): number {
    return this.#ids.length - this.#dropped;
  }

  /** Milliseconds of all parts, as far as they are known. */
  get duration(): number {
    let duration = 0;
    for (const part of this.#durations) duration += part;
    return duration;
  }

  /** A part has begun; returns its number. */
  add(activationId: string, node: number, tag: Tag): number {
    const part = this.#ids.push(activationId) - 1;
    this.#nodes.push(node);
    this.#durations.push(0);
    this.#indices.push(tag.length === 0 ? 0 : tag[tag.length - 1]!);
    if (tag.length > 1) (this.#tags ??= new Map<number, Tag>()).set(part, tag);
    return part;
  }

  /** Activation id of a part; undefined for a number that is none's. */
  idOf(part: number): string | undefined {
    return this.#ids[part];
  }

  setDuration(part: number, ms: number): void {
    this.#durations[part] = ms;
  }

  drop(part: number): void {
    this.#nodes[part] = DROPPED;
    this.#durations[part] = 0;
    this.#dropped++;
  }

  /** True when an instance of this node is among them. Looks at all of them. */
  includes(node: number): boolean {
    return this.#nodes.includes(node);
  }

  /** Activation ids of the parts, in graph order, then by tag. */
  inGraphOrder(): string[] {
    const order = new Uint32Array(this.size);
    let count = 0;
    for (let part = 0; part < this.#nodes.length; part++) if (this.#nodes[part] !== DROPPED) order[count++] = part;
    order.sort((a, b) => this.#nodes[a]! - this.#nodes[b]! || this.#compareTags(a, b));
    return Array.from(order, (part) => this.#ids[part]!);
  }

  /** Instances of one node have tags of one length. */
  #compareTags(a: number, b: number): number {
    const tag = this.#tags?.get(a);
    const other = this.#tags?.get(b);
    if (tag === undefined || other === undefined) return this.#indices[a]! - this.#indices[b]!;
    for (let i = 0; i < tag.length; i++) if (tag[i] !== other[i]) return tag[i]! - other[i]!;
    return 0;
  }
}
