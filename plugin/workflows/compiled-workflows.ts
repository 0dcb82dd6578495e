import type { Graph } from '@dataflower/composer/graph';
import { LRUCache } from 'lru-cache';

const KEPT_CHARS = 64 * 1024 * 1024;

/** Gives the same object for the same digest: hosts keep their plans by it. */
export class Graphs {
  readonly #byDigest = new LRUCache<string, Graph>({ maxSize: KEPT_CHARS });

  /** @param chars Length of its JSON. */
  intern(graph: Graph, digest: string, chars: number): Graph {
    const known = this.#byDigest.get(digest);
    if (known !== undefined) return known;
    this.#byDigest.set(digest, graph, { size: Math.max(1, chars) });
    return graph;
  }
}
