import type { Graph } from '@dataflower/composer/graph';
import { LRUCache } from 'lru-cache';

const KEPT_BYTES = 64 * 1024 * 1024;

/** One object for each digest, whoever sent it and how often: plans are kept by it. */
export class GraphTable {
  readonly #graphs = new LRUCache<string, Graph>({
    maxSize: KEPT_BYTES,
    sizeCalculation: (graph) => JSON.stringify(graph).length,
  });

  intern(digest: string, graph: Graph): Graph {
    const known = this.#graphs.get(digest);
    if (known !== undefined) return known;
    this.#graphs.set(digest, graph);
    return graph;
  }
}
