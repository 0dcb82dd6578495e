import type { ActionCode, CodeSource } from '@dataflower/common/code';
import { CODE_ATTACHMENT } from '../entities/action/document.js';
import { type EntityStore, type Release, releaseOnce } from '../stores/entity-store.js';

/** Names the code of an action that is too large for its document. */
export interface StoredCode {
  readonly documentId: string;
  readonly revision: string;
}

/** Holds code as `EntityStore.hold` does. */
export type HoldCode = (code: StoredCode) => Release | undefined | Promise<Release | undefined>;

const NOTHING: Release = () => undefined;

/**
 * All stored code that one target may need, held jointly by its activations: the first one holds each code in the store,
 * the last one releases them, and those in between only count.
 */
export class TargetCodes {
  #users = 0;
  /** Activations that wait until all code is held. */
  #waiting = 0;
  #holding: Promise<boolean> | undefined;
  #held: Release[] = [];

  readonly #codes: readonly StoredCode[];
  readonly #holdCode: HoldCode;

  constructor(codes: readonly StoredCode[], holdCode: HoldCode) {
    this.#codes = codes;
    this.#holdCode = holdCode;
  }

  /** True when there is nothing to hold, so that no end of an activation has to be reported. */
  get isEmpty(): boolean {
    return this.#codes.length === 0;
  }

  /**
   * Holds all code for one activation. Undefined when some of it is gone: the target is outdated. Returns no promise when
   * nothing has to be fetched. Throws the errors of the store.
   */
  hold(): Release | undefined | Promise<Release | undefined> {
    if (this.isEmpty) return NOTHING;
    if (this.#users > 0) {
      this.#users++;
      return releaseOnce(() => this.#release());
    }
    const held = this.#holding ?? this.#holdAll();
    if (held === false) return undefined;
    if (held === true) {
      this.#users++;
      return releaseOnce(() => this.#release());
    }
    this.#waiting++;
    return held.then((all) => (all ? releaseOnce(() => this.#release()) : undefined));
  }

  #release(): void {
    if (--this.#users === 0) this.#releaseAll();
  }

  #releaseAll(): void {
    for (const release of this.#held.splice(0)) release();
  }

  #holdAll(): boolean | Promise<boolean> {
    try {
      for (const [at, code] of this.#codes.entries()) {
        const one = this.#holdCode(code);
        if (one instanceof Promise) return (this.#holding = this.#holdRest(one, at + 1));
        if (one === undefined) return this.#failed();
        this.#held.push(one);
      }
      return true;
    } catch (error) {
      this.#releaseAll();
      throw error;
    }
  }

  /** Sequentially: each code may have many megabytes. */
  async #holdRest(first: Promise<Release | undefined>, from: number): Promise<boolean> {
    try {
      let one = await first;
      for (let at = from; one !== undefined; at++) {
        this.#held.push(one);
        const code = this.#codes[at];
        if (code === undefined) {
          // In this turn of the event loop, before an activation can end: all that wait hold the code from now on.
          this.#users = this.#waiting;
          return true;
        }
        one = await this.#holdCode(code);
      }
      return this.#failed();
    } catch (error) {
      this.#releaseAll();
      throw error;
    } finally {
      this.#holding = undefined;
      this.#waiting = 0;
    }
  }

  #failed(): false {
    this.#releaseAll();
    return false;
  }
}

/** The code in an entity store that is too large for the documents of its actions. */
export class StoreCode implements CodeSource {
  readonly #store: Pick<EntityStore, 'attachment' | 'hold'>;

  constructor(store: Pick<EntityStore, 'attachment' | 'hold'>) {
    this.#store = store;
  }

  /** See `EntityStore.hold`. */
  hold({ documentId, revision }: StoredCode): Release | undefined | Promise<Release | undefined> {
    return this.#store.hold(documentId, revision, CODE_ATTACHMENT);
  }

  async load(documentId: string, revision: string): Promise<ActionCode> {
    const stored = await this.#store.attachment(documentId, revision, CODE_ATTACHMENT);
    if (stored === undefined) throw new Error('Action could not be found or may have been deleted.');
    return { code: stored.toString() };
  }
}
