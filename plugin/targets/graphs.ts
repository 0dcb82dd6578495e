import { type Graph, graphDigest } from '@dataflower/composer/graph';
import { LRUCache } from 'lru-cache';

const KEPT_BYTES = 64 * 1024 * 1024;

/** Gives the same object for the same digest: hosts keep their plans by it. */
export class Graphs {
  private readonly byDigest = new LRUCache<string, Graph>({
    maxSize: KEPT_BYTES,
    sizeCalculation: (graph) => JSON.stringify(graph).length,
  });

  intern(graph: Graph): { graph: Graph; digest: string } {
    const digest = graphDigest(graph);
    const known = this.byDigest.get(digest);
    if (known !== undefined) return { graph: known, digest };
    this.byDigest.set(digest, graph);
    return { graph, digest };
  }
}
