import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FairShare } from '@dataflower/common';
import { makePrivateDirectory, removeLeftBehind } from '@dataflower/common/process';
import { type Release, releaseOnce, StoreUnavailableError } from '../entity-store.js';

export interface AttachmentSpoolOptions {
  /** The spool makes a directory in it. Default: the system's temporary directory. */
  readonly base?: string | undefined;
  /** Limit of all files together. Default: 4 GiB. */
  readonly maxBytes?: number | undefined;
}

/** Attachments that are fetched at once: each is in memory until it is written. */
const FETCHES = 4;
/** Most fetches in progress or waiting. */
const WAITING_FETCHES = 1000;
const MAX_BYTES = 4 * 1024 * 1024 * 1024;
const OWNER_WRITES = 0o600;

interface Spooled {
  readonly key: string;
  readonly path: string;
  readonly bytes: number;
  /** The namespace of the document, which all holds of the file share. */
  readonly namespace: string;
  holds: number;
}

/**
 * Copies of attachments on the local disk. Held copies stay; the others are evicted, least recently held first, when space
 * is needed. Namespaces share the limit for held copies.
 */
export class AttachmentSpool {
  readonly #spooled = new Map<string, Spooled>();
  /** Copies without a hold, in the order of eviction. */
  readonly #idle = new Set<Spooled>();
  readonly #fetching = new Map<string, Promise<Spooled | undefined>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  readonly #heldOf = new Map<string, number>();
  readonly #share: FairShare;
  #held = 0;
  #total = 0;
  #files = 0;

  readonly #directory: string;

  /** Throws the errors of the file system. */
  constructor({ base = tmpdir(), maxBytes = MAX_BYTES }: AttachmentSpoolOptions = {}) {
    removeLeftBehind([base]);
    this.#directory = makePrivateDirectory(base, 'code');
    this.#share = new FairShare(maxBytes);
  }

  /** Bytes of held copies, and of all copies. */
  get bytes(): { readonly held: number; readonly total: number } {
    return { held: this.#held, total: this.#total };
  }

  /** Undefined when there is no copy, or it cannot be read. */
  async read(key: string): Promise<Buffer | undefined> {
    const spooled = this.#spooled.get(key);
    if (spooled === undefined) return undefined;
    const release = this.#use(spooled);
    try {
      // The store may still have an attachment whose copy cannot be read.
      return await readFile(spooled.path).catch(() => undefined);
    } finally {
      release();
    }
  }

  /**
   * Holds a copy, which is fetched first where needed; undefined when `fetch` finds nothing.
   * @throws StoreUnavailableError when the spool or the disk is full.
   */
  hold(
    key: string,
    namespace: string,
    fetch: () => Promise<Buffer | undefined>,
  ): Release | Promise<Release | undefined> {
    const spooled = this.#spooled.get(key);
    if (spooled !== undefined) {
      if (spooled.holds === 0) this.#checkShare(namespace, spooled.bytes);
      return this.#use(spooled);
    }
    return this.#fetched(key, namespace, fetch);
  }

  /** Waits for running fetches, then removes the files. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#fetching.values());
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #fetched(
    key: string,
    namespace: string,
    fetch: () => Promise<Buffer | undefined>,
  ): Promise<Release | undefined> {
    let fetching = this.#fetching.get(key);
    if (fetching === undefined) {
      if (this.#fetching.size >= WAITING_FETCHES)
        throw new StoreUnavailableError(new Error('too much code is being fetched already'));
      fetching = this.#fetch(key, namespace, fetch).finally(() => this.#fetching.delete(key));
      this.#fetching.set(key, fetching);
    }
    const spooled = await fetching;
    if (spooled === undefined) return undefined;
    // The copy may have been evicted before this caller was resumed.
    return this.#spooled.get(key) === spooled ? this.#use(spooled) : this.hold(key, namespace, fetch);
  }

  async #fetch(key: string, namespace: string, fetch: () => Promise<Buffer | undefined>): Promise<Spooled | undefined> {
    if (this.#running < FETCHES) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      const data = await fetch();
      return data && (await this.#write(key, namespace, data));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #write(key: string, namespace: string, data: Buffer): Promise<Spooled> {
    this.#checkShare(namespace, data.length);
    const path = join(this.#directory, String(++this.#files));
    const spooled: Spooled = { key, path, bytes: data.length, namespace, holds: 0 };
    // Counted before it is written: other fetches run at the same time.
    const release = this.#use(spooled);
    this.#total += data.length;
    try {
      await this.#makeRoom();
      await writeFile(path, data, { mode: OWNER_WRITES });
      this.#spooled.set(key, spooled);
    } catch (cause) {
      this.#total -= data.length;
      await rm(path, { force: true }).catch(() => undefined);
      throw cause instanceof StoreUnavailableError ? cause : new StoreUnavailableError(cause as Error);
    } finally {
      release();
    }
    return spooled;
  }

  #checkShare(namespace: string, bytes: number): void {
    const held = (this.#heldOf.get(namespace) ?? 0) + bytes;
    if (this.#share.allows(held, this.#share.total - this.#held - bytes)) return;
    const text = `running activations of ${namespace} hold too much code to begin with another action (couchdb.codeBytes)`;
    throw new StoreUnavailableError(new Error(text));
  }

  async #makeRoom(): Promise<void> {
    for (const spooled of this.#idle) {
      if (this.#total <= this.#share.total) return;
      this.#idle.delete(spooled);
      this.#spooled.delete(spooled.key);
      this.#total -= spooled.bytes;
      await rm(spooled.path, { force: true });
    }
    if (this.#total > this.#share.total)
      throw new StoreUnavailableError(
        new Error('running activations hold all code that may be kept (couchdb.codeBytes)'),
      );
  }

  #use(spooled: Spooled): Release {
    if (spooled.holds++ === 0) {
      this.#idle.delete(spooled);
      this.#countHeld(spooled, spooled.bytes);
    }
    return releaseOnce(() => {
      if (--spooled.holds > 0) return;
      this.#countHeld(spooled, -spooled.bytes);
      if (this.#spooled.get(spooled.key) === spooled) this.#idle.add(spooled);
    });
  }

  #countHeld({ namespace }: Spooled, bytes: number): void {
    this.#held += bytes;
    const mine = (this.#heldOf.get(namespace) ?? 0) + bytes;
    if (mine === 0) this.#heldOf.delete(namespace);
    else this.#heldOf.set(namespace, mine);
  }
}
