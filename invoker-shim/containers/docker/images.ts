import type { Clock } from '../../clock.js';
import type { Engine } from './engine.js';
import { EngineError } from './engine-error.js';

/** The label by which an image says that it has the runtime of this project, with the version of the protocol. */
const PROTOCOL_LABEL = 'dataflower.protocol';
const PROTOCOL = '1';
/** What is known of an image counts so long, in ms: another may get its name. */
const KNOWN_MS = 30_000;
/** Images that something is known of. */
const MAX_KNOWN = 1000;

/** What images the engine has, and what runs in them. Nothing is ever pulled. */
export class Images {
  readonly #known = new Map<string, { readonly ours: boolean; readonly until: number }>();

  constructor(
    private readonly engine: Engine,
    private readonly clock: Clock,
  ) {}

  /** True when the image has the runtime of this project. Rejects with `IMAGE_MISSING` when it is not there. */
  async speakOurs(image: string): Promise<boolean> {
    const now = this.clock.now();
    const known = this.#known.get(image);
    if (known !== undefined && known.until > now) return known.ours;
    const labels = await this.engine.imageLabels(image);
    if (labels === undefined) throw new EngineError('IMAGE_MISSING', `there is no image ${image}`);
    const ours = labels[PROTOCOL_LABEL] === PROTOCOL;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(image, { ours, until: now + KNOWN_MS });
    return ours;
  }
}
