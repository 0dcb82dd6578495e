import type { Clock } from '@dataflower/common';
import { volumePath } from '../container-settings.js';
import type { Engine, ImageDescription } from './engine.js';
import { EngineError } from './engine-error.js';

/** What becomes of an image that is not on the engine: the container fails, or it is fetched from its registry. */
export type PullPolicy = 'never' | 'missing';

/** The label by which an image says that it has the runtime of this project, with the version of the protocol. */
const PROTOCOL_LABEL = 'dataflower.protocol';
const PROTOCOL = '1';
/** What is known of an image counts so long, in ms: another may get its name. */
const KNOWN_MS = 30_000;
/** Images that something is known of. */
const MAX_KNOWN = 1000;
/** Of an image's labels, in bytes as the engine writes them: it sends them with every event of a container. */
const MAX_LABEL_BYTES = 64 * 1024;
/** What an escape such as `\u003c` has more than the character. */
const ESCAPE_BYTES = 5;
/** Directories that an image may want for itself: each is a file system of its own. */
const MAX_VOLUMES = 32;
/** What every container has there is not to be hidden: the kernel's file systems, the engine's files, the runtime's own. */
const TAKEN = /^\/(?:(?:proc|sys|dev|run\/dataflower|run\/values)(?:\/|$)|etc\/(?:hosts|hostname|resolv\.conf)$|$)/;

export interface KnownImage {
  /** It has the runtime of this project. */
  readonly ours: boolean;
  /** Directories that it wants to write in. */
  readonly volumes: readonly string[];
}

/** What images the engine has, what runs in them, and how they come there. */
export class Images {
  readonly #known = new Map<string, { readonly image: KnownImage; readonly until: number }>();
  /** Images that are on their way. */
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
   * What there is to know of an image. Rejects with `IMAGE_NOT_PULLED` when it is not there, with `IMAGE_MISSING` when it
   * could not be fetched either, with `IMAGE_UNFIT` when it would be a burden. Calls back when it begins to fetch it.
   */
  async about(name: string, onFetch: (() => void) | undefined): Promise<KnownImage> {
    const now = this.#clock.now();
    const known = this.#known.get(name);
    if (known !== undefined && known.until > now) return known.image;
    const { labels, volumes } = (await this.#engine.image(name)) ?? (await this.#fetch(name, onFetch));
    if (bytesInEvents(labels) > MAX_LABEL_BYTES)
      throw new EngineError('IMAGE_UNFIT', `the image ${name} has more than ${MAX_LABEL_BYTES} bytes of labels`);
    if (volumes.length > MAX_VOLUMES)
      throw new EngineError('IMAGE_UNFIT', `the image ${name} has more than ${MAX_VOLUMES} volumes`);
    const taken = volumes.find((volume) => TAKEN.test(volumePath(volume)));
    if (taken !== undefined)
      throw new EngineError(
        'IMAGE_UNFIT',
        `the image ${name} has a volume at ${taken.slice(0, 200)}, where none can be`,
      );
    const image = { ours: labels[PROTOCOL_LABEL] === PROTOCOL, volumes };
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(name, { image, until: now + KNOWN_MS });
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

/** The engine escapes more than JSON has to, as the encoder of its language does. */
function bytesInEvents(labels: ImageDescription['labels']): number {
  const json = JSON.stringify(labels);
  return Buffer.byteLength(json) + ESCAPE_BYTES * (json.match(/[<>&\u2028\u2029]|\\[bf]/g)?.length ?? 0);
}
