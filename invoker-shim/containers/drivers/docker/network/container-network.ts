import type { BridgeOptions, BridgeParts } from './guarded-bridge.js';
import { GuardedBridge } from './guarded-bridge.js';

/** What containers may reach beside their agent: the public Internet, nothing, or whatever the engine's machine reaches. */
export type NetworkMode = 'outbound' | 'none' | 'open';

export interface NetworkOptions extends Omit<BridgeOptions, 'closed' | 'unfiltered'> {
  readonly mode: NetworkMode;
}

/**
 * A resolver where nothing may be reached: the container itself. With none named, the engine asks those of this machine, and
 * those on loopback from outside the network, past its filter: names that are asked for can carry anything.
 */
const NO_RESOLVER = ['127.0.0.1'];

/** Which network of the engine's a container joins. */
export class ContainerNetwork {
  #bridge: Promise<GuardedBridge> | undefined;

  readonly #options: NetworkOptions;
  readonly #parts: BridgeParts;

  private constructor(options: NetworkOptions, parts: BridgeParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Rejects with `GuardError` when containers could not be kept from the machine. */
  static async open(options: NetworkOptions, parts: BridgeParts): Promise<ContainerNetwork> {
    const network = new ContainerNetwork(options, parts);
    if (options.mode !== 'none') await network.#open();
    return network;
  }

  /**
   * The name of the network for a container, ready to be joined. Rejects when it cannot be had safely.
   * @param reached The agent and the container speak over it, so that it needs one even where nothing else may be reached.
   */
  async join(reached: boolean): Promise<string> {
    if (this.#options.mode === 'none' && !reached) return 'none';
    const bridge = await this.#open();
    await bridge.check();
    return bridge.name;
  }

  /** Resolvers that containers are given; none: the engine's. */
  get dns(): readonly string[] {
    return this.#options.mode === 'none' ? NO_RESOLVER : (this.#options.dns ?? []);
  }

  /** No container is on it any more. */
  async close(): Promise<void> {
    const bridge = await this.#bridge?.catch(() => undefined);
    await bridge?.close();
  }

  #open(): Promise<GuardedBridge> {
    const opening = (this.#bridge ??= GuardedBridge.open(
      { ...this.#options, closed: this.#options.mode === 'none', unfiltered: this.#options.mode === 'open' },
      this.#parts,
    ));
    // What failed once is tried again: the engine may have been away.
    opening.catch(() => (this.#bridge = undefined));
    return opening;
  }
}
