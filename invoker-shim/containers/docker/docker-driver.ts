import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../clock.js';
import { type ContainerDriver, type ContainerHandle, ImageError, type StartOptions } from '../driver.js';
import type { ContainerSpec } from '../executor.js';
import { type ContainerLogger, silentLogger } from '../logger.js';
import { AgentIdentity, Label } from './agent-identity.js';
import {
  type ContainerLimitsSettings,
  type ContainerPlace,
  SOCKET_DIRECTORY,
  containerSettings,
  freshUid,
} from './container-settings.js';
import { ContainerNetwork, type NetworkOptions } from './container-network.js';
import { DockerContainer } from './docker-container.js';
import { Engine, type EngineInfo } from './engine.js';
import { EngineError } from './engine-error.js';
import { ExitWatch } from './exit-watch.js';
import { Images } from './images.js';
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
/** Longest part of a container's key that its label shows. */
const MAX_KEY_CHARS = 1000;
/** Where OpenWhisk's runtimes answer. */
const HTTP_PORT = 8080;

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
  readonly ownNetwork = true;
  readonly #limits: ContainerLimitsSettings;
  readonly #images: Images;
  readonly #removals: Removals;
  readonly #watch: ExitWatch;
  #count = 0;

  constructor(
    private readonly parts: DriverParts,
    private readonly options: DockerDriverOptions,
  ) {
    const { engine, identity, clock, logger } = parts;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#images = new Images(engine, clock);
    this.#removals = new Removals(engine, clock, logger);
    this.#watch = new ExitWatch(engine, identity, clock, logger, () => this.#removals.retryNow());
  }

  /** Begins to watch the engine. */
  open(): Promise<void> {
    return this.#watch.open();
  }

  async start(start: StartOptions): Promise<ContainerHandle> {
    if (!this.#watch.connected) throw new EngineError('ENGINE_UNREACHABLE', 'the Docker engine is away');
    const image = this.#imageOf(start.spec);
    try {
      const foreign = start.spec.image !== undefined && !(await this.#images.speakOurs(image));
      const settings = containerSettings(await this.#place(start, image, foreign), this.#limits);
      return await this.#run(settings, start, foreign);
    } catch (error) {
      if (!EngineError.is(error, 'IMAGE_MISSING')) throw error;
      throw new ImageError(`Failed to pull container image '${image}'.`, { cause: error });
    }
  }

  /** Ends and removes what is left. */
  async close(): Promise<void> {
    await this.#removals.close(CLOSE_LIMIT_MS);
    this.#watch.close();
    await this.parts.network.close();
    this.parts.engine.close();
  }

  async #place({ spec, socketPath, token }: StartOptions, image: string, foreign: boolean): Promise<ContainerPlace> {
    const { identity, network, info } = this.parts;
    const place = {
      spec,
      image,
      labels: { ...identity.labels, [Label.key]: spec.key.slice(0, MAX_KEY_CHARS) },
      network: await network.join(foreign),
      dns: network.dns,
    };
    if (foreign) return { ...place, socketDirectory: undefined, environment: {}, uid: undefined };
    const socketDirectory = path.dirname(socketPath);
    // Whatever user it runs as can connect, and change nothing; others cannot enter the directory above.
    await chmod(socketPath, 0o666);
    await chmod(socketDirectory, 0o711);
    const address = path.posix.join(SOCKET_DIRECTORY, path.basename(socketPath));
    return {
      ...place,
      socketDirectory,
      environment: { __DF_SOCKET: address, __DF_TOKEN: token },
      uid: info.mapsUsers ? undefined : freshUid(),
    };
  }

  async #run(settings: object, { onOutput }: StartOptions, foreign: boolean): Promise<DockerContainer> {
    const { engine, clock, identity } = this.parts;
    const name = `dataflower-${identity.short}-${++this.#count}`;
    let container: DockerContainer | undefined;
    try {
      const id = await engine.create(name, settings);
      const parts = { engine, watch: this.#watch, removals: this.#removals, clock, onOutput };
      container = new DockerContainer(id, parts);
      container.attached(await engine.attach(id));
      await engine.start(id);
      if (foreign) container.http = { host: await engine.addressOf(id), port: HTTP_PORT };
      return container;
    } catch (error) {
      if (container !== undefined) {
        container.stop();
        await container.exited;
      } else if (!EngineError.is(error, 'IMAGE_MISSING')) {
        // The engine may have made it although its answer never came: only the name is known.
        void this.#removals.remove(name);
      }
      throw error;
    }
  }

  #imageOf(spec: ContainerSpec): string {
    const image = spec.image ?? this.options.images[spec.kind] ?? this.options.images['default'];
    if (image === undefined) throw new EngineError('IMAGE_MISSING', `no image is set for the kind ${spec.kind}`);
    return image;
  }
}
