import { FairShare } from '@dataflower/common';
import { type Release, releaseOnce, StoreUnavailableError } from '../entity-store.js';
import type { StoredAttachment } from './document-file.js';

/** Limit of attachments that only holds keep, over all namespaces, in bytes. */
const LEFT_BYTES = 4 * 1024 * 1024 * 1024;

interface Hold {
  readonly attachment: StoredAttachment;
  readonly namespace: string;
  users: number;
}

/** A file may be the attachment of several revisions. */
interface HeldFile {
  holds: number;
  /** Set when no document names the file any more; the namespace is that of its last document. */
  left: { readonly attachment: StoredAttachment; readonly namespace: string } | undefined;
}

/**
 * Counts the holds of attachments by revision. A held file stays when no document names it any more, until its last hold
 * ends: then `remove` is called. Namespaces share the limit of bytes that only holds keep.
 */
export class HeldAttachments {
  readonly #holds = new Map<string, Hold>();
  readonly #files = new Map<string, HeldFile>();
  readonly #leftOf = new Map<string, number>();
  readonly #share: FairShare;
  #left = 0;

  readonly #remove: (attachment: StoredAttachment) => void;

  constructor(remove: (attachment: StoredAttachment) => void, maxLeftBytes = LEFT_BYTES) {
    this.#remove = remove;

    this.#share = new FairShare(maxLeftBytes);
  }

  /** Bytes of files that only holds keep. */
  get leftBytes(): number {
    return this.#left;
  }

  get size(): number {
    return this.#holds.size;
  }

  find(revision: string): StoredAttachment | undefined {
    return this.#holds.get(revision)?.attachment;
  }

  keeps(file: string): boolean {
    return this.#files.has(file);
  }

  /** @throws StoreUnavailableError when the holds of the namespace keep too many bytes already. */
  hold(revision: string, namespace: string, attachment: StoredAttachment): Release {
    if (!this.#share.allows(this.#leftOf.get(namespace) ?? 0, Math.max(0, this.#share.total - this.#left)))
      throw new StoreUnavailableError(
        new Error(`activations of ${namespace} still use too much code that was replaced or deleted since they began`),
      );
    let hold = this.#holds.get(revision);
    if (hold === undefined) {
      hold = { attachment, namespace, users: 0 };
      this.#holds.set(revision, hold);
      const file = this.#files.get(attachment.file);
      if (file === undefined) this.#files.set(attachment.file, { holds: 1, left: undefined });
      else file.holds++;
    }
    hold.users++;
    return releaseOnce(() => this.#release(revision, hold));
  }

  /** No document names these any more. Returns those without a hold; the others are removed with their last hold. */
  leave(namespace: string, attachments: readonly StoredAttachment[]): StoredAttachment[] {
    return attachments.filter((attachment) => {
      const file = this.#files.get(attachment.file);
      if (file === undefined) return true;
      file.left = { attachment, namespace };
      this.#countLeft(namespace, attachment.bytes);
      return false;
    });
  }

  /** Marks all held files that are not in `named` as left, after the documents were read again. */
  leaveAllBut(named: ReadonlySet<string>): void {
    for (const { attachment, namespace } of this.#holds.values()) {
      if (!named.has(attachment.file) && this.#files.get(attachment.file)?.left === undefined)
        this.leave(namespace, [attachment]);
    }
  }

  #release(revision: string, hold: Hold): void {
    if (--hold.users > 0) return;
    this.#holds.delete(revision);
    const { file: name } = hold.attachment;
    const file = this.#files.get(name)!;
    if (--file.holds > 0) return;
    this.#files.delete(name);
    if (file.left === undefined) return;
    this.#countLeft(file.left.namespace, -file.left.attachment.bytes);
    this.#remove(file.left.attachment);
  }

  #countLeft(namespace: string, bytes: number): void {
    this.#left += bytes;
    const mine = (this.#leftOf.get(namespace) ?? 0) + bytes;
    if (mine === 0) this.#leftOf.delete(namespace);
    else this.#leftOf.set(namespace, mine);
  }
}
