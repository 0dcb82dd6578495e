import dns from 'node:dns';
import { isIPv4 } from 'node:net';
import type { Clock } from '@dataflower/common';
import type { ContainerLogger } from '@dataflower/common';
import type { AgentIdentity } from '../engine/agent-identity.js';
import type { Engine } from '../engine/engine.js';
import { NetworkGuard, PRIVATE_RANGES, checkFilterable, removeStaleGuards } from './network-guard.js';

/** Whether the rules are still there is looked at once in so long, in ms: a firewall that is loaded anew takes them out. */
const CHECK_MS = 10_000;

export interface BridgeOptions {
  /** Nothing outside may be reached at all. */
  readonly closed: boolean;
  /** IPv4 ranges that containers may not reach, beside the private ones. */
  readonly refused: readonly string[];
  /** Resolvers for containers, IPv4. Undefined: those of this machine, asked by the engine. */
  readonly dns: readonly string[] | undefined;
  /** No packet filter: containers reach whatever the engine's machine reaches. For engines that this machine cannot filter. */
  readonly unfiltered?: boolean;
  /** Listens on this machine's address in the network; gives the port, to which containers may connect. */
  readonly listen?: (gateway: string) => Promise<number>;
}

export interface BridgeParts {
  readonly engine: Engine;
  readonly identity: AgentIdentity;
  readonly clock: Clock;
  readonly logger: ContainerLogger;
}

/** A bridge network of one agent's containers, with the packet filter around it. */
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

  /** Rejects with `GuardError` when containers could not be kept from the machine; then nothing is left. */
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
      // One on loopback the engine asks in the machine's own name.
      resolvers: (options.dns ?? dns.getServers()).filter((server) => isIPv4(server) && !server.startsWith('127.')),
      closed: options.closed,
      agentPort: await options.listen?.(network?.gateway ?? ''),
    });
    await guard.install();
    return guard;
  }

  /** Before a container joins: the rules are there. Rejects with `GuardError` when they cannot be. */
  check(): Promise<void> {
    if (this.#guard === undefined || this.#parts.clock.now() - this.#checkedAt < CHECK_MS) return Promise.resolve();
    return (this.#checking ??= this.#check(this.#guard).finally(() => (this.#checking = undefined)));
  }

  /** No container is on it any more. Never rejects: what cannot be removed goes at the next start. */
  async close(): Promise<void> {
    const { engine, logger } = this.#parts;
    try {
      await engine.removeNetwork(this.#id);
      await this.#guard?.remove();
    } catch (error) {
      logger.warn({ err: error }, 'the network of the containers cannot be removed; the next start does it');
    }
  }

  async #check(guard: NetworkGuard): Promise<void> {
    if (!(await guard.installed())) {
      this.#parts.logger.warn({}, 'the packet filter around the containers was taken out; it is put in again');
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
      // The engine has the kernel filter what goes from port to port then.
      'com.docker.network.bridge.enable_icc': 'false',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
    },
  };
}
