import type { Clock } from '../../clock.js';
import type { Engine } from './engine.js';
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

/** What images the engine has, what runs in them, and how they come there. */
export class Images {
  readonly #known = new Map<string, { readonly ours: boolean; readonly until: number }>();
  /** Images that are on their way. */
  readonly #pulls = new Map<string, Promise<void>>();

  constructor(
    private readonly engine: Engine,
    private readonly clock: Clock,
    private readonly pull: PullPolicy,
  ) {}

  /**
   * True when the image has the runtime of this project. Rejects with `IMAGE_NOT_PULLED` when it is not there, with
   * `IMAGE_MISSING` when it could not be fetched either. Calls back when it begins to fetch it.
   */
  async speakOurs(image: string, onFetch: (() => void) | undefined): Promise<boolean> {
    const now = this.clock.now();
    const known = this.#known.get(image);
    if (known !== undefined && known.until > now) return known.ours;
    const labels = (await this.engine.imageLabels(image)) ?? (await this.#fetch(image, onFetch));
    const ours = labels[PROTOCOL_LABEL] === PROTOCOL;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(image, { ours, until: now + KNOWN_MS });
    return ours;
  }

  async #fetch(image: string, onFetch: (() => void) | undefined): Promise<Readonly<Record<string, string>>> {
    if (this.pull === 'never') throw new EngineError('IMAGE_NOT_PULLED', `there is no image ${image}`);
    onFetch?.();
    let pull = this.#pulls.get(image);
    if (pull === undefined) {
      pull = this.engine.pull(image).finally(() => this.#pulls.delete(image));
      this.#pulls.set(image, pull);
    }
    await pull;
    const labels = await this.engine.imageLabels(image);
    if (labels === undefined) throw new EngineError('IMAGE_MISSING', `there is no image ${image}`);
    return labels;
  }
}
