import type { Tag, TokenContext } from '../../pipes/pipe.js';
import type { DataSink, Value, ValuePack } from '../../sink/value.js';
import { tagInside } from '../matching/tag.js';
import type { Work } from '../turns/turns.js';

const CHUNK = 1024;

/** A firing of a function in the queue of its node. */
export interface QueuedFiring {
  readonly tag: Tag;
  /** Its inputs, as one value. */
  readonly input: Value;
  readonly context: TokenContext;
  /** Time at which it got its last input, by the clock's `now`. */
  readonly readyAt: number;
}

/** Data that a firing shares, as a rule, with those before it. */
interface Shared {
  readonly prefix: Tag;
  readonly env: TokenContext['env'];
  /** An input that is in no pack: this firing's own. */
  readonly input: Value | undefined;
}

/**
 * The firings of one function inside a scatter that wait for the executor, first in, first out. They wait as columns of
 * numbers and a pack of values; `take` makes an object again.
 */
export class FiringQueue {
  /** Number of firings that the executor has. */
  inHand = 0;
  /** True while its head is handed to the executor, so that a run that ends meanwhile does not do it as well. */
  handing = false;
  #length = 0;
  #first: Chunk | undefined;
  #last: Chunk | undefined;
  #shared: Shared = { prefix: [], env: null, input: undefined };

  readonly #sink: DataSink;
  /** Number of firings in all queues together. */
  readonly #waiting: { count: number };

  constructor(sink: DataSink, waiting: { count: number }) {
    this.#sink = sink;
    this.#waiting = waiting;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes the reference of the input over. */
  push({ tag, input, context, readyAt }: QueuedFiring): void {
    if (this.#last === undefined || this.#last.end === CHUNK) {
      const chunk = new Chunk(this.#sink.openPack(CHUNK));
      if (this.#last === undefined) this.#first = chunk;
      else this.#last.next = chunk;
      this.#last = chunk;
    }
    const chunk = this.#last;
    const at = chunk.end++;
    chunk.indices[at] = tag[tag.length - 1]!;
    chunk.readyAt[at] = readyAt;
    chunk.components[at] = context.components;
    chunk.from[at] = context.from;
    const isPacked = chunk.inputs.put(at, input);
    if (!isPacked) input.setWaiting(true);
    chunk.shared.push(this.#sharedOf(tag, context.env, isPacked ? undefined : input));
    this.#length++;
    this.#waiting.count++;
  }

  /** The firing that has waited longest; undefined when none waits. */
  take(): QueuedFiring | undefined {
    const chunk = this.#first;
    if (chunk === undefined) return undefined;
    const at = chunk.begin++;
    const { prefix, env, input } = chunk.shared[at]!;
    if (input !== undefined) input.setWaiting(false);
    const firing = {
      tag: tagInside(prefix, chunk.indices[at]!),
      input: input ?? chunk.inputs.take(at)!,
      context: { env, components: chunk.components[at]!, from: chunk.from[at]! },
      readyAt: chunk.readyAt[at]!,
    };
    this.#length--;
    this.#waiting.count--;
    if (chunk.begin === chunk.end) {
      this.#first = chunk.next;
      if (chunk.next === undefined) this.#last = undefined;
    }
    return firing;
  }

  /** Empties the queue at once; the work releases the inputs. */
  letGo(): Work {
    const first = this.#first;
    this.#first = this.#last = undefined;
    this.#waiting.count -= this.#length;
    this.#length = 0;
    return releasing(first);
  }

  #sharedOf(tag: Tag, env: TokenContext['env'], input: Value | undefined): Shared {
    const last = this.#shared;
    if (input === undefined && last.env === env && isPrefix(last.prefix, tag)) return last;
    const shared = { prefix: tag.slice(0, -1), env, input };
    if (input === undefined) this.#shared = shared;
    return shared;
  }
}

/** A piece of a queue: made when the piece before is full, dropped with its last firing. */
class Chunk {
  readonly indices = new Uint32Array(CHUNK);
  readonly readyAt = new Float64Array(CHUNK);
  readonly components = new Uint32Array(CHUNK);
  readonly from = new Int32Array(CHUNK);
  readonly shared: Shared[] = [];
  begin = 0;
  end = 0;
  next: Chunk | undefined = undefined;

  constructor(readonly inputs: ValuePack) {}
}

function* releasing(chunk: Chunk | undefined): Work {
  for (; chunk !== undefined; chunk = chunk.next) {
    for (let at = chunk.begin; at < chunk.end; at++) {
      const { input } = chunk.shared[at]!;
      if (input === undefined) continue;
      input.setWaiting(false);
      input.release();
    }
    chunk.inputs.discard();
    yield CHUNK / 4;
  }
}

function isPrefix(prefix: Tag, tag: Tag): boolean {
  if (prefix.length !== tag.length - 1) return false;
  for (let i = 0; i < prefix.length; i++) if (prefix[i] !== tag[i]) return false;
  return true;
}
