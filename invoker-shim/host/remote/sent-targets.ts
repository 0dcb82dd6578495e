import { LRUCache } from 'lru-cache';
import type { FunctionTarget, WorkflowTarget } from '../host.js';
import type { Link } from './link.js';
import { MessageType } from './message-type.js';
import { targetText } from './target-text.js';

/** Bytes of targets that a host keeps for one gateway. */
const KEPT_BYTES = 64 * 1024 * 1024;

/**
 * Which targets the host at the other end of one connection knows, and by what number: each is sent once. What has not
 * been used for longest is forgotten by both.
 */
export class SentTargets {
  readonly #numbers: LRUCache<FunctionTarget | WorkflowTarget, number>;
  #last = 0;

  constructor(
    private readonly link: Link,
    maxBytes = KEPT_BYTES,
  ) {
    this.#numbers = new LRUCache({
      maxSize: maxBytes,
      dispose: (number) => link.send(MessageType.FORGET, String(number)),
    });
  }

  /** The number of a target; it is sent before, where it has to be. */
  numberOf(target: FunctionTarget | WorkflowTarget): number {
    const known = this.#numbers.get(target);
    if (known !== undefined) return known;
    const text = Buffer.from(targetText(target));
    const number = ++this.#last;
    this.link.send(MessageType.TARGET, String(number), text);
    this.#numbers.set(target, number, { size: text.length });
    return number;
  }
}
