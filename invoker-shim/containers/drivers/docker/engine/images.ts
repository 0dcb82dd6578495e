import path from 'node:path';
import { PROTOCOL_LABEL } from '@dataflower/action-runtime/images';
import { PROTOCOL_VERSION } from '@dataflower/action-runtime/protocol';
import type { Clock } from '@dataflower/common';
import type { Engine, ImageDescription } from './engine.js';
import { EngineError } from './engine-error.js';

/** How to handle an image that is not on the engine: fail the container, or pull the image from its registry. */
export type PullPolicy = 'never' | 'missing';

/** Lifetime of a cache entry, in ms: another image may get the same name. */
const CACHE_MS = 30_000;
/** Entries of the cache. */
const MAX_CACHED = 1000;
/** Largest labels of an image, in bytes as the engine writes them: it sends them with every event of a container. */
const MAX_LABEL_BYTES = 64 * 1024;
/** Additional bytes of an escape such as `\u003c`. */
const ESCAPE_BYTES = 5;
/** Most volumes of an image: each is a file system of its own. */
const MAX_VOLUMES = 32;
/** Paths that a volume must not hide: the kernel's file systems, the engine's files and the runtime's own. */
const RESERVED = /^\/(?:(?:proc|sys|dev|run\/dataflower|run\/values)(?:\/|$)|etc\/(?:hosts|hostname|resolv\.conf)$|$)/;

/** Properties of an image that a driver needs. */
export interface ImageFacts {
  /** True when the image has this project's runtime. */
  readonly ours: boolean;
  /** Directories that the image declares as volumes. */
  readonly volumes: readonly string[];
}

/** Looks up the images on the engine, and pulls missing ones where the policy allows it. */
export class Images {
  readonly #cache = new Map<string, { readonly image: ImageFacts; readonly until: number }>();
  /** Pulls in progress, by image. */
  readonly #pulls = new Map<string, Promise<void>>();

  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #pull: PullPolicy;

  constructor(engine: Engine, clock: Clock, pull: PullPolicy) {
    this.#engine = engine;
    this.#clock = clock;
    this.#pull = pull;
  }

  /**
   * Looks up an image. Rejects with `IMAGE_NOT_PULLED` when it is missing and the policy is `never`, with `IMAGE_MISSING`
   * when the pull failed, with `IMAGE_UNFIT` when its labels or volumes exceed a limit. Calls `onFetch` before a pull.
   */
  async about(name: string, onFetch: (() => void) | undefined): Promise<ImageFacts> {
    const now = this.#clock.now();
    const known = this.#cache.get(name);
    if (known !== undefined && known.until > now) return known.image;
    const { labels, volumes } = (await this.#engine.image(name)) ?? (await this.#fetch(name, onFetch));
    if (bytesInEvents(labels) > MAX_LABEL_BYTES)
      throw new EngineError('IMAGE_UNFIT', `the image ${name} has more than ${MAX_LABEL_BYTES} bytes of labels`);
    if (volumes.length > MAX_VOLUMES)
      throw new EngineError('IMAGE_UNFIT', `the image ${name} has more than ${MAX_VOLUMES} volumes`);
    const reserved = volumes.find((volume) => RESERVED.test(volumePath(volume)));
    if (reserved !== undefined)
      throw new EngineError(
        'IMAGE_UNFIT',
        `the image ${name} has a volume at ${reserved.slice(0, 200)}, where none can be`,
      );
    const image = { ours: labels[PROTOCOL_LABEL] === `${PROTOCOL_VERSION}`, volumes };
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(name, { image, until: now + CACHE_MS });
    return image;
  }

  async #fetch(image: string, onFetch: (() => void) | undefined): Promise<ImageDescription> {
    if (this.#pull === 'never') throw new EngineError('IMAGE_NOT_PULLED', `there is no image ${image}`);
    onFetch?.();
    let pull = this.#pulls.get(image);
    if (pull === undefined) {
      pull = this.#engine.pull(image).finally(() => this.#pulls.delete(image));
      this.#pulls.set(image, pull);
    }
    await pull;
    const description = await this.#engine.image(image);
    if (description === undefined) throw new EngineError('IMAGE_MISSING', `there is no image ${image}`);
    return description;
  }
}

/** Size of the labels in the engine's JSON, which escapes more characters than JSON requires. */
function bytesInEvents(labels: ImageDescription['labels']): number {
  const json = JSON.stringify(labels);
  return Buffer.byteLength(json) + ESCAPE_BYTES * (json.match(/[<>&\u2028\u2029]|\\[bf]/g)?.length ?? 0);
}

/** Normalized path of an image's volume. */
export function volumePath(volume: string): string {
  return path.posix.join('/', volume).replace(/(?<=.)\/$/, '');
}
