import { LRUCache } from 'lru-cache';
import type { FunctionTarget, WorkflowTarget } from '../host.js';
import type { Link } from '../wire/link.js';
import { MessageType } from '../messages/message-type.js';
import { targetText } from '../messages/target-text.js';

/** Bytes of targets that a host keeps for one gateway; a single target may be larger. */
const KEPT_BYTES = 64 * 1024 * 1024;
/** Largest part of a target in one frame. */
const PART_BYTES = 8 * 1024 * 1024;

/**
 * The targets that the host at the other end of one connection knows, each with its number. A target is sent once; both
 * ends forget the one that was used longest ago.
 */
export class SentTargets {
  readonly #numbers: LRUCache<FunctionTarget | WorkflowTarget, number>;
  #last = 0;

  readonly #link: Link;
  readonly #maxBytes: number;

  constructor(link: Link, maxBytes = KEPT_BYTES) {
    this.#link = link;
    this.#maxBytes = maxBytes;

    this.#numbers = new LRUCache({
      maxSize: maxBytes,
      dispose: (number) => link.send(MessageType.FORGET, String(number)),
    });
  }

  /** The number of a target. Sends the target when the host does not know it. */
  numberOf(target: FunctionTarget | WorkflowTarget): number {
    const known = this.#numbers.get(target);
    if (known !== undefined) return known;
    const text = Buffer.from(targetText(target));
    const number = ++this.#last;
    for (let at = 0; at < text.length; at += PART_BYTES) {
      const head = JSON.stringify([number, at + PART_BYTES < text.length ? 1 : 0]);
      this.#link.send(MessageType.TARGET, head, text.subarray(at, at + PART_BYTES));
    }
    this.#numbers.set(target, number, { size: Math.min(text.length, this.#maxBytes) });
    return number;
  }
}
