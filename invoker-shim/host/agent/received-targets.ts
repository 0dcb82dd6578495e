import { LRUCache } from 'lru-cache';
import type { Graph } from '@dataflower/composer/graph';
import type { FunctionTarget, WorkflowTarget } from '../host.js';
import { HostLinkError } from '../wire/errors.js';

type Target = FunctionTarget | WorkflowTarget;

/** Largest target, in bytes: several times the size that a workflow's definitions may have. */
const MAX_BYTES = 512 * 1024 * 1024;

/** The targets that a host has received over one connection: the other end of `SentTargets`. */
export class ReceivedTargets {
  readonly #known = new Map<number, Target>();
  /** Parts of the target that is being received. */
  #parts: Buffer[] = [];
  #bytes = 0;

  readonly #read: (text: string) => Target;

  constructor(read: (text: string) => Target) {
    this.#read = read;
  }

  get(number: number): Target | undefined {
    return this.#known.get(number);
  }

  /** Takes one part of a target (TARGET). The bytes are copied when more parts follow. */
  add(head: string, body: Buffer): void {
    const [number, more] = JSON.parse(head) as [number, 0 | 1];
    this.#bytes += body.length;
    if (this.#bytes > MAX_BYTES) throw new HostLinkError('PROTOCOL', `a target of more than ${MAX_BYTES} bytes`);
    this.#parts.push(more === 1 ? Buffer.from(body) : body);
    if (more === 1) return;
    const text = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#bytes = 0;
    this.#known.set(number, this.#read(text));
  }

  forget(number: number): void {
    this.#known.delete(number);
  }
}

/** Bytes of graphs that are kept, as JSON. */
const GRAPHS_BYTES = 64 * 1024 * 1024;

/** Gives one object for each digest, whichever gateway sent the graph: plans are kept by it. */
export class GraphTable {
  readonly #graphs = new LRUCache<string, Graph>({
    maxSize: GRAPHS_BYTES,
    sizeCalculation: (graph) => JSON.stringify(graph).length,
  });

  intern(digest: string, graph: Graph): Graph {
    const known = this.#graphs.get(digest);
    if (known !== undefined) return known;
    this.#graphs.set(digest, graph);
    return graph;
  }
}
