import dns from 'node:dns';
import { isIPv4 } from 'node:net';
import type { Clock, ContainerLogger } from '@dataflower/common';
import type { AgentIdentity } from '../engine/agent-identity.js';
import type { Engine } from '../engine/engine.js';
import { NetworkGuard, PRIVATE_RANGES, checkFilterable, removeStaleGuards } from './network-guard.js';

/** Interval between checks of the rules, in ms: a firewall that reloads removes them. */
const CHECK_MS = 10_000;

export interface BridgeOptions {
  /** True when containers may reach nothing outside. */
  readonly closed: boolean;
  /** IPv4 ranges that are refused beside the private ones. */
  readonly refused: readonly string[];
  /** IPv4 resolvers for containers. Undefined: the engine forwards to this machine's. */
  readonly dns: readonly string[] | undefined;
  /** True for no packet filter: containers reach all that the engine's machine reaches. For engines on another machine. */
  readonly unfiltered?: boolean;
  /** Listens on this machine's address in the network; returns the port, to which containers may connect. */
  readonly listen?: (gateway: string) => Promise<number>;
}

export interface BridgeParts {
  readonly engine: Engine;
  readonly identity: AgentIdentity;
  readonly clock: Clock;
  readonly logger: ContainerLogger;
}

/** The bridge network of one agent's containers, with its packet filter. */
export class GuardedBridge {
  #checkedAt = 0;
  #checking: Promise<void> | undefined;

  readonly #id: string;
  readonly #guard: NetworkGuard | undefined;
  readonly #parts: BridgeParts;

  private constructor(
    readonly name: string,
    id: string,
    guard: NetworkGuard | undefined,
    parts: BridgeParts,
  ) {
    this.#id = id;
    this.#guard = guard;
    this.#parts = parts;
  }

  /** Rejects with `GuardError` when containers cannot be isolated from the machine; the network is removed then. */
  static async open(options: BridgeOptions, parts: BridgeParts): Promise<GuardedBridge> {
    const { engine, identity } = parts;
    const name = `dataflower-${identity.short}`;
    const bridge = `df-${identity.short}`;
    const id = await engine.createNetwork(networkSettings(name, bridge, identity.labels));
    try {
      const guard =
        options.unfiltered === true ? undefined : await GuardedBridge.#installGuard(bridge, id, options, engine);
      return new GuardedBridge(name, id, guard, parts);
    } catch (error) {
      await engine.removeNetwork(id);
      throw error;
    }
  }

  static async #installGuard(
    bridge: string,
    id: string,
    options: BridgeOptions,
    engine: Engine,
  ): Promise<NetworkGuard> {
    checkFilterable(bridge);
    await removeStaleGuards();
    const [network] = await engine.networks({ id: [id] });
    const guard = new NetworkGuard({
      bridge,
      refused: [...PRIVATE_RANGES, ...options.refused],
      // The engine itself asks a resolver on loopback, from the machine's own namespace.
      resolvers: (options.dns ?? dns.getServers()).filter((server) => isIPv4(server) && !server.startsWith('127.')),
      closed: options.closed,
      agentPort: await options.listen?.(network?.gateway ?? ''),
    });
    await guard.install();
    return guard;
  }

  /** Makes sure that the rules are installed. Call it before a container joins. Rejects with `GuardError`. */
  check(): Promise<void> {
    if (this.#guard === undefined || this.#parts.clock.now() - this.#checkedAt < CHECK_MS) return Promise.resolve();
    return (this.#checking ??= this.#check(this.#guard).finally(() => (this.#checking = undefined)));
  }

  /** Removes network and rules; no container is on it any more. Never rejects: the next start removes what is left. */
  async close(): Promise<void> {
    const { engine, logger } = this.#parts;
    try {
      await engine.removeNetwork(this.#id);
      await this.#guard?.remove();
    } catch (error) {
      logger.warn({ err: error }, 'cannot remove the network of the containers; the next start does it');
    }
  }

  async #check(guard: NetworkGuard): Promise<void> {
    if (!(await guard.installed())) {
      this.#parts.logger.warn({}, 'the packet filter around the containers was removed; installing it again');
      await guard.install();
    }
    this.#checkedAt = this.#parts.clock.now();
  }
}

function networkSettings(name: string, bridge: string, labels: Readonly<Record<string, string>>): object {
  return {
    Name: name,
    Driver: 'bridge',
    CheckDuplicate: true,
    EnableIPv6: false,
    Labels: labels,
    Options: {
      'com.docker.network.bridge.name': bridge,
      // The engine then lets the kernel filter packets between ports of the bridge.
      'com.docker.network.bridge.enable_icc': 'false',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
    },
  };
}
