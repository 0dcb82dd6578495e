import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../clock.js';
import type { ContainerDriver, ContainerHandle, StartOptions } from '../driver.js';
import type { ContainerSpec } from '../executor.js';
import { type ContainerLogger, silentLogger } from '../logger.js';
import { AgentIdentity, Label } from './agent-identity.js';
import { type ContainerLimitsSettings, SOCKET_DIRECTORY, containerSettings, freshUid } from './container-settings.js';
import { ContainerNetwork, type NetworkOptions } from './container-network.js';
import { DockerContainer } from './docker-container.js';
import { Engine, type EngineInfo } from './engine.js';
import { EngineError } from './engine-error.js';
import { ExitWatch } from './exit-watch.js';
import { removeLeftBehind } from './left-behind.js';
import { Removals } from './removals.js';

export interface DockerDriverOptions {
  /** Address of the engine. Default: what `DOCKER_HOST` says, else the system's socket. */
  readonly dockerHost?: string;
  /** The image of each kind; `default` for those that are not named. */
  readonly images: Readonly<Record<string, string>>;
  /** Default: nothing but the agent can be reached. */
  readonly network?: NetworkOptions;
  readonly limits?: Partial<ContainerLimitsSettings>;
  /** The directory that this agent has for itself: what an earlier one with it has left on the engine is removed. */
  readonly dataDir?: string;
  readonly logger?: ContainerLogger;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const CLOSED: NetworkOptions = { mode: 'none', refused: [], dns: undefined };
const DEFAULT_LIMITS: ContainerLimitsSettings = { tmpfsMiB: 128, pids: 256, cpuPercent: undefined, openFiles: 1024 };
/** At the end, removals that are still under way are awaited so long, in ms. */
const CLOSE_LIMIT_MS = 10_000;

/**
 * Opens the driver on an engine that answers, and removes what agents have left there that are no more.
 * Rejects with `EngineError` when there is none.
 */
export async function openDockerDriver(options: DockerDriverOptions): Promise<DockerDriver> {
  const engine = new Engine(options.dockerHost);
  const { logger = silentLogger, clock = systemClock } = options;
  const identity = new AgentIdentity(options.dataDir);
  let network: ContainerNetwork | undefined;
  try {
    const info = await engine.info();
    await removeLeftBehind(engine, identity, logger);
    network = await ContainerNetwork.open(options.network ?? CLOSED, { engine, identity, clock, logger });
    const driver = new DockerDriver({ engine, info, identity, network, clock, logger }, options);
    await driver.open();
    return driver;
  } catch (error) {
    await network?.close();
    engine.close();
    throw error;
  }
}

interface DriverParts {
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly identity: AgentIdentity;
  readonly network: ContainerNetwork;
  readonly clock: Clock;
  readonly logger: ContainerLogger;
}

/** Containers on a Docker engine: isolated, bounded, and gone when the agent is. The executor that has it closes it. */
export class DockerDriver implements ContainerDriver {
  readonly name = 'docker';
  readonly sharesFiles = false;
  readonly #limits: ContainerLimitsSettings;
  readonly #removals: Removals;
  readonly #watch: ExitWatch;
  #count = 0;

  constructor(
    private readonly parts: DriverParts,
    private readonly options: DockerDriverOptions,
  ) {
    const { engine, identity, clock, logger } = parts;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#removals = new Removals(engine, clock, logger);
    this.#watch = new ExitWatch(engine, identity, clock, logger, () => this.#removals.retryNow());
  }

  /** Begins to watch the engine. */
  open(): Promise<void> {
    return this.#watch.open();
  }

  async start(start: StartOptions): Promise<ContainerHandle> {
    if (!this.#watch.connected) throw new EngineError('ENGINE_UNREACHABLE', 'the Docker engine is away');
    const socketDirectory = path.dirname(start.socketPath);
    // Whatever user it runs as can connect, and change nothing; others cannot enter the directory above.
    await chmod(start.socketPath, 0o666);
    await chmod(socketDirectory, 0o711);
    const { identity, network, info } = this.parts;
    const name = `dataflower-${identity.short}-${++this.#count}`;
    const settings = containerSettings(
      {
        spec: start.spec,
        image: this.#imageOf(start.spec),
        labels: { ...identity.labels, [Label.key]: start.spec.key.slice(0, 1000) },
        network: await network.join(false),
        dns: network.dns,
        socketDirectory,
        environment: {
          __DF_SOCKET: path.posix.join(SOCKET_DIRECTORY, path.basename(start.socketPath)),
          __DF_TOKEN: start.token,
        },
        uid: info.mapsUsers ? undefined : freshUid(),
      },
      this.#limits,
    );
    return this.#run(name, settings, start);
  }

  /** Ends and removes what is left. */
  async close(): Promise<void> {
    await this.#removals.close(CLOSE_LIMIT_MS);
    this.#watch.close();
    await this.parts.network.close();
    this.parts.engine.close();
  }

  async #run(name: string, settings: object, { onOutput }: StartOptions): Promise<DockerContainer> {
    const { engine, clock } = this.parts;
    let container: DockerContainer | undefined;
    try {
      const id = await engine.create(name, settings);
      const parts = { engine, watch: this.#watch, removals: this.#removals, clock, onOutput };
      container = new DockerContainer(id, parts);
      container.attached(await engine.attach(id));
      await engine.start(id);
      return container;
    } catch (error) {
      // The engine may have made it although the answer never came, so that its name is all that is known.
      if (container !== undefined) {
        container.stop();
        await container.exited;
      } else if (!EngineError.is(error, 'IMAGE_MISSING')) void this.#removals.remove(name);
      throw error;
    }
  }

  #imageOf(spec: ContainerSpec): string {
    const image = spec.image ?? this.options.images[spec.kind] ?? this.options.images['default'];
    if (image === undefined) throw new EngineError('IMAGE_MISSING', `no image is set for the kind ${spec.kind}`);
    return image;
  }
}
