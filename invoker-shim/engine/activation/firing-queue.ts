import type { Tag } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { PackingSink, ValuePack } from '../../sink/value-pack.js';
import type { Environment } from '../values/environment.js';
import { tagInside } from '../matching/tag.js';
import type { Work } from '../turns/turns.js';

const CHUNK = 1024;

/** An instance of a node that has all its inputs. */
export interface ReadyInstance {
  readonly tag: Tag;
  readonly input: Value;
  readonly env: Environment | null;
  readonly components: number;
  /** When it got its last input, by the clock's `now`. */
  readonly readyAt: number;
  /** Number of the part whose value came last; −1: the caller's. */
  readonly after: number;
}

/** What instances have in common, as a rule with those before them. */
interface Context {
  readonly prefix: Tag;
  readonly env: Environment | null;
  /** An input that is in no pack, of this instance alone. */
  readonly input: Value | undefined;
}

/**
 * The instances of one node inside a scatter that are ready and not yet handed to the executor, first in, first out.
 * What waits is columns and a pack of values; objects are made of it when its turn comes.
 */
export class InstanceLine {
  /** Instances that the executor has. */
  inHand = 0;
  /** Its head is being handed over: who comes in between does not start again. */
  handing = false;
  #length = 0;
  #first: Chunk | undefined;
  #last: Chunk | undefined;
  #context: Context = { prefix: [], env: null, input: undefined };

  readonly #sink: PackingSink;
  /** Instances in all lines together. */
  readonly #waiting: { count: number };

  constructor(sink: PackingSink, waiting: { count: number }) {
    this.#sink = sink;
    this.#waiting = waiting;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes the reference of the input over. */
  push({ tag, input, env, components, readyAt, after }: ReadyInstance): void {
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
    chunk.components[at] = components;
    chunk.after[at] = after;
    const isPacked = chunk.inputs.put(at, input);
    if (!isPacked) this.#sink.setWaiting(input, true);
    chunk.contexts.push(this.#contextOf(tag, env, isPacked ? undefined : input));
    this.#length++;
    this.#waiting.count++;
  }

  /** The instance that has waited longest; undefined when none waits. */
  shift(): ReadyInstance | undefined {
    const chunk = this.#first;
    if (chunk === undefined) return undefined;
    const at = chunk.begin++;
    const { prefix, env, input } = chunk.contexts[at]!;
    if (input !== undefined) this.#sink.setWaiting(input, false);
    const instance = {
      tag: tagInside(prefix, chunk.indices[at]!),
      input: input ?? chunk.inputs.take(at)!,
      env,
      components: chunk.components[at]!,
      readyAt: chunk.readyAt[at]!,
      after: chunk.after[at]!,
    };
    this.#length--;
    this.#waiting.count--;
    if (chunk.begin === chunk.end) {
      this.#first = chunk.next;
      if (chunk.next === undefined) this.#last = undefined;
    }
    return instance;
  }

  /** Empties it at once; the work releases the inputs of those that waited. */
  letGo(): Work {
    const first = this.#first;
    this.#first = this.#last = undefined;
    this.#waiting.count -= this.#length;
    this.#length = 0;
    return releasing(first, this.#sink);
  }

  #contextOf(tag: Tag, env: Environment | null, input: Value | undefined): Context {
    const last = this.#context;
    if (input === undefined && last.env === env && isPrefix(last.prefix, tag)) return last;
    const context = { prefix: tag.slice(0, -1), env, input };
    if (input === undefined) this.#context = context;
    return context;
  }
}

/** A piece of a line: made when the one before is full, gone when its last instance is. */
class Chunk {
  readonly indices = new Uint32Array(CHUNK);
  readonly readyAt = new Float64Array(CHUNK);
  readonly components = new Uint32Array(CHUNK);
  readonly after = new Int32Array(CHUNK);
  readonly contexts: Context[] = [];
  begin = 0;
  end = 0;
  next: Chunk | undefined = undefined;

  constructor(readonly inputs: ValuePack) {}
}

function* releasing(chunk: Chunk | undefined, sink: PackingSink): Work {
  for (; chunk !== undefined; chunk = chunk.next) {
    for (let at = chunk.begin; at < chunk.end; at++) {
      const { input } = chunk.contexts[at]!;
      if (input === undefined) continue;
      sink.setWaiting(input, false);
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
