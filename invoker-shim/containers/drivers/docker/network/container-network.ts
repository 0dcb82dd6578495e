import { type BridgeOptions, type BridgeParts, GuardedBridge } from './guarded-bridge.js';

/** Destinations that containers may reach beside their agent: the public Internet, nothing, or all that the engine's machine reaches. */
export type NetworkMode = 'outbound' | 'none' | 'open';

export interface NetworkOptions extends Omit<BridgeOptions, 'closed' | 'unfiltered'> {
  readonly mode: NetworkMode;
}

/**
 * The resolver of a closed network: the container itself. Without one, the engine would ask this machine's resolvers, those
 * on loopback from outside the network and past its filter: a query can carry any data.
 */
const NO_RESOLVER = ['127.0.0.1'];

/** Chooses the network of the engine that a container joins. */
export class ContainerNetwork {
  #bridge: Promise<GuardedBridge> | undefined;

  readonly #options: NetworkOptions;
  readonly #parts: BridgeParts;

  private constructor(options: NetworkOptions, parts: BridgeParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Rejects with `GuardError` when containers cannot be isolated from the machine. */
  static async open(options: NetworkOptions, parts: BridgeParts): Promise<ContainerNetwork> {
    const network = new ContainerNetwork(options, parts);
    if (options.mode !== 'none') await network.#open();
    return network;
  }

  /**
   * Returns the name of the network for a container, ready to be joined. Rejects when the network is not isolated.
   * @param reached True when agent and container talk over the network: then one is needed even in the mode `none`.
   */
  async join(reached: boolean): Promise<string> {
    if (this.#options.mode === 'none' && !reached) return 'none';
    const bridge = await this.#open();
    await bridge.check();
    return bridge.name;
  }

  /** Resolvers of containers; empty: the engine's. */
  get dns(): readonly string[] {
    return this.#options.mode === 'none' ? NO_RESOLVER : (this.#options.dns ?? []);
  }

  /** Removes the network. No container is on it any more. */
  async close(): Promise<void> {
    const bridge = await this.#bridge?.catch(() => undefined);
    await bridge?.close();
  }

  #open(): Promise<GuardedBridge> {
    const opening = (this.#bridge ??= GuardedBridge.open(
      { ...this.#options, closed: this.#options.mode === 'none', unfiltered: this.#options.mode === 'open' },
      this.#parts,
    ));
    // The next call tries again: the engine may have been away.
    opening.catch(() => (this.#bridge = undefined));
    return opening;
  }
}
