import type { ActivationId } from '@dataflower/common';
import type { Tag } from '../../pipes/pipe.js';

/** In place of a part's number: the caller of the activation. */
export const CALLER = -1;

/** In place of a part's node: the run was taken back before it started and does not count as a part. */
const DROPPED = -1;

/**
 * The parts of a workflow that have begun: function runs and workflows inside. Columns instead of one object each, since
 * they stay until the workflow ends. The number of a part is its place in the order of beginning.
 */
export class PartList {
  readonly #ids: ActivationId[] = [];
  readonly #nodes: number[] = [];
  /** In ms. */
  readonly #durations: number[] = [];
  /** The last index of each tag. */
  readonly #indices: number[] = [];
  /** Tags of more than one index, by part. */
  #tags: Map<number, Tag> | undefined;
  #dropped = 0;
  #duration = 0;

  /** Number of parts, without those that were taken back. */
  get size(): number {
    return this.#ids.length - this.#dropped;
  }

  /** Sum of the known durations, in ms. */
  get duration(): number {
    return this.#duration;
  }

  /** Adds a part that has begun; returns its number. */
  add(activationId: ActivationId, node: number, tag: Tag): number {
    const part = this.#ids.push(activationId) - 1;
    this.#nodes.push(node);
    this.#durations.push(0);
    this.#indices.push(tag.length === 0 ? 0 : tag[tag.length - 1]!);
    if (tag.length > 1) (this.#tags ??= new Map<number, Tag>()).set(part, tag);
    return part;
  }

  /** Activation id of a part; undefined for CALLER. */
  idOf(part: number): ActivationId | undefined {
    return this.#ids[part];
  }

  setDuration(part: number, ms: number): void {
    this.#duration += ms - this.#durations[part]!;
    this.#durations[part] = ms;
  }

  drop(part: number): void {
    this.setDuration(part, 0);
    this.#nodes[part] = DROPPED;
    this.#dropped++;
  }

  /** The nodes that have parts. Work in proportion to the number of parts. */
  nodes(): ReadonlySet<number> {
    return new Set(this.#nodes);
  }

  /** Activation ids of the parts, in graph order, then by tag. Work in proportion to the number of parts. */
  inGraphOrder(): ActivationId[] {
    const byNode = new Map<number, number[]>();
    for (let part = 0; part < this.#nodes.length; part++) {
      const node = this.#nodes[part]!;
      if (node === DROPPED) continue;
      const parts = byNode.get(node);
      if (parts === undefined) byNode.set(node, [part]);
      else parts.push(part);
    }
    const ids = new Array<ActivationId>(this.size);
    let at = 0;
    for (const node of [...byNode.keys()].sort((a, b) => a - b))
      for (const part of this.#byTag(byNode.get(node)!)) ids[at++] = this.#ids[part]!;
    return ids;
  }

  /** Sorts the parts of one node, whose tags have one length, by each index, the last first (a stable radix sort). */
  #byTag(parts: number[]): readonly number[] {
    if (parts.length === 1) return parts;
    const inner = (this.#tags?.get(parts[0]!)?.length ?? 1) - 2;
    let sorted = sortedBy(parts, (part) => this.#indices[part]!);
    for (let i = inner; i >= 0; i--) sorted = sortedBy(sorted, (part) => this.#tags!.get(part)![i]!);
    return sorted;
  }
}

/** Stable; work in proportion to the number of parts and the largest index. */
function sortedBy(parts: readonly number[], indexOf: (part: number) => number): readonly number[] {
  let largest = 0;
  let inOrder = true;
  let last = -1;
  for (const part of parts) {
    const index = indexOf(part);
    if (index > largest) largest = index;
    if (index < last) inOrder = false;
    last = index;
  }
  if (inOrder) return parts;
  // For a few parts with large indices a table costs more than a sort.
  if (largest > 16 * parts.length) return [...parts].sort((a, b) => indexOf(a) - indexOf(b));
  const starts = new Uint32Array(largest + 2);
  for (const part of parts) starts[indexOf(part) + 1]!++;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const sorted = new Array<number>(parts.length);
  for (const part of parts) sorted[starts[indexOf(part)]!++] = part;
  return sorted;
}
