import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock, type ContainerLogger, silentLogger } from '@dataflower/common';
import { type ContainerDriver, type ContainerHandle, ImageError, type StartOptions } from '../driver.js';
import type { ContainerSpec } from '../../executor.js';
import { AgentIdentity, Label } from './engine/agent-identity.js';
import {
  type ContainerLimitsSettings,
  type ContainerPlace,
  SOCKET_DIRECTORY,
  containerSettings,
} from './container-settings.js';
import { ContainerNetwork, type NetworkOptions } from './network/container-network.js';
import { DockerContainer } from './docker-container.js';
import { Engine, type EngineInfo } from './engine/engine.js';
import { EngineError } from './engine/engine-error.js';
import { ExitWatch } from './engine/exit-watch.js';
import { Images, type KnownImage, type PullPolicy } from './engine/images.js';
import { isOwnImage } from '../own-image.js';
import { freshUid } from '../container-user.js';
import { removeLeftBehind } from './engine/left-behind.js';
import { Removals } from './engine/removals.js';
import { SharedBox } from './files/shared-directory.js';
import { SharedBoxes } from './files/shared-directories.js';
import { SocketMemory } from './socket-memory.js';
import { TcpWay } from './network/tcp-way.js';

export interface DockerDriverOptions {
  /** Address of the engine. Default: what `DOCKER_HOST` says, else the system's socket. */
  readonly dockerHost?: string;
  /** The image of each kind; `default` for those that are not named. */
  readonly images: Readonly<Record<string, string>>;
  /** How containers reach the agent. Default `auto`: its unix socket, but TCP for an engine on another, or a virtual, machine. */
  readonly transport?: 'auto' | 'socket' | 'tcp';
  /** By what name they do over TCP. Default: this machine's address in their network. */
  readonly agentHost?: string;
  /** What becomes of an image that an action names and the engine has not. Default: `never`. */
  readonly pull?: PullPolicy;
  /** As whom images run that actions name: as a user of each container's own, or as the image says. Default: `own`. */
  readonly imageUser?: 'own' | 'image';
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
/** A container without the engine's networking has its host names from here; the engine writes none for it. */
const HOSTS_FILE = 'hosts';
const HOSTS = '127.0.0.1\tlocalhost\n::1\tlocalhost\n';
/** What is known of the images that the operator names. */
const PLATFORMS: KnownImage = { ours: true, volumes: [] };
/** Where OpenWhisk's runtimes answer. */
const HTTP_PORT = 8080;
/** The engine's words for a directory in memory that the image has something else in the way of; not for want of room. */
const UNFIT_DIRECTORY =
  /error mounting "tmpfs" to rootfs at "([^"]{1,200})".*(?:not a directory|read-only|no such file|permission denied)/s;

/**
 * Opens the driver on an engine that answers, and removes what agents have left there that are no more.
 * Rejects with `EngineError` when there is none.
 */
export async function openDockerDriver(options: DockerDriverOptions): Promise<DockerDriver> {
  const engine = new Engine(options.dockerHost);
  const { logger = silentLogger, clock = systemClock } = options;
  const identity = new AgentIdentity(options.dataDir);
  let network: ContainerNetwork | undefined;
  let way: TcpWay | undefined;
  try {
    const info = await engine.info();
    await removeLeftBehind(engine, identity, logger);
    const { transport = 'auto' } = options;
    if (transport === 'tcp' || (transport === 'auto' && info.remote)) way = new TcpWay(clock, options.agentHost);
    const listen = way === undefined ? {} : { listen: (gateway: string) => way!.listen(gateway) };
    network = await ContainerNetwork.open(
      { ...(options.network ?? CLOSED), ...listen },
      { engine, identity, clock, logger },
    );
    const driver = new DockerDriver(
      { engine, info, identity, network, way, boxes: SharedBoxes.open(clock), clock, logger },
      options,
    );
    await driver.open();
    return driver;
  } catch (error) {
    way?.close();
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
  /** Undefined: over unix sockets. */
  readonly way: TcpWay | undefined;
  /** Undefined where there is no shared memory. */
  readonly boxes: SharedBoxes | undefined;
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
  readonly #socketMemory: SocketMemory | undefined;
  #count = 0;

  readonly #parts: DriverParts;
  readonly #options: DockerDriverOptions;

  constructor(parts: DriverParts, options: DockerDriverOptions) {
    this.#parts = parts;
    this.#options = options;

    const { engine, identity, clock, logger } = parts;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#images = new Images(engine, clock, options.pull ?? 'never');
    this.#socketMemory = SocketMemory.on(parts.info, logger);
    this.#removals = new Removals(engine, clock, logger);
    this.#watch = new ExitWatch(engine, identity, clock, logger, () => this.#removals.retryNow());
  }

  /** Begins to watch the engine. */
  open(): Promise<void> {
    return this.#watch.open();
  }

  shareFiles(spec: ContainerSpec): SharedBox | undefined {
    // An image that an action names may have no runtime that knows of files; over TCP the machine may be another.
    if (foreignName(spec) !== undefined || this.#parts.way !== undefined) return undefined;
    return this.#parts.boxes?.make();
  }

  async start(start: StartOptions): Promise<ContainerHandle> {
    if (!this.#watch.connected) throw new EngineError('ENGINE_UNREACHABLE', 'the Docker engine is away');
    const image = this.#imageOf(start.spec);
    try {
      const named = foreignName(start.spec) !== undefined;
      const { ours, volumes } = named ? await this.#images.about(image, start.onFetch) : PLATFORMS;
      const settings = containerSettings(await this.#place(start, { image, foreign: !ours, volumes }), this.#limits);
      const container = await this.#run(settings, start, !ours);
      void container.exited.then(() => this.#forget(start));
      return container;
    } catch (cause) {
      this.#forget(start);
      const text = imageText(cause, start.spec.image);
      throw text === undefined ? cause : new ImageError(text, { cause });
    }
  }

  #forget({ socketPath, files }: StartOptions): void {
    this.#parts.way?.dismiss(socketPath);
    if (files instanceof SharedBox) this.#parts.boxes?.remove(files);
  }

  /** Ends and removes what is left. */
  async close(): Promise<void> {
    await this.#removals.close(this.#watch.connected ? CLOSE_LIMIT_MS : 0);
    this.#watch.close();
    this.#parts.way?.close();
    await this.#parts.network.close();
    await this.#parts.boxes?.close();
    this.#parts.engine.close();
  }

  async #place(
    { spec, socketPath, token, files }: StartOptions,
    { image, foreign, volumes }: Pick<ContainerPlace, 'image' | 'foreign' | 'volumes'>,
  ): Promise<ContainerPlace> {
    const { identity, network, info, way } = this.#parts;
    const place = {
      spec,
      image,
      foreign,
      volumes,
      labels: { ...identity.labels, [Label.key]: spec.key.slice(0, MAX_KEY_CHARS) },
      network: await network.join(foreign || way !== undefined),
      dns: network.dns,
    };
    const asImageSays = foreign && this.#options.imageUser === 'image';
    const uid = info.mapsUsers || asImageSays ? undefined : freshUid();
    if (foreign) return { ...place, mounts: [], environment: {}, uid };
    if (way !== undefined) {
      const environment = { __DF_SOCKET: await way.addressFor(socketPath), __DF_TOKEN: token };
      return { ...place, mounts: [], environment, uid };
    }
    const socketDirectory = path.dirname(socketPath);
    // Whatever user it runs as can connect, and change nothing; others cannot enter the directory above.
    await chmod(socketPath, 0o666);
    await chmod(socketDirectory, 0o711);
    const hosts = path.join(socketDirectory, HOSTS_FILE);
    if (place.network === 'none') {
      await writeFile(hosts, HOSTS);
      await chmod(hosts, 0o644);
    }
    const address = path.posix.join(SOCKET_DIRECTORY, path.basename(socketPath));
    return {
      ...place,
      mounts: [
        { source: socketDirectory, target: SOCKET_DIRECTORY, readOnly: true },
        ...(place.network === 'none' ? [{ source: hosts, target: '/etc/hosts', readOnly: true }] : []),
        ...(files instanceof SharedBox ? files.mounts : []),
      ],
      environment: { __DF_SOCKET: address, __DF_TOKEN: token },
      uid,
    };
  }

  async #run(settings: object, { onOutput }: StartOptions, foreign: boolean): Promise<DockerContainer> {
    const { engine, clock, identity } = this.#parts;
    const name = `dataflower-${identity.short}-${++this.#count}`;
    let container: DockerContainer | undefined;
    try {
      const id = await engine.create(name, settings);
      const parts = { engine, watch: this.#watch, removals: this.#removals, clock, onOutput };
      container = new DockerContainer(id, parts);
      container.attached(await engine.attach(id));
      await this.#startBounded(id);
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

  async #startBounded(id: string): Promise<void> {
    const { engine } = this.#parts;
    const memory = this.#socketMemory;
    const isBounded = await memory?.prepare(id);
    try {
      await engine.start(id);
    } catch (error) {
      if (isBounded === true) await memory?.discard(id);
      throw error;
    }
    if (isBounded === false) await memory?.bound(id, () => engine.pidOf(id));
  }

  #imageOf(spec: ContainerSpec): string {
    const image = foreignName(spec) ?? this.#options.images[spec.kind] ?? this.#options.images['default'];
    if (image === undefined) throw new EngineError('IMAGE_MISSING', `no image is set for the kind ${spec.kind}`);
    return image;
  }
}

/** The image that an action names; undefined where it names none, or this project's: that is the one of its kind. */
function foreignName({ image }: ContainerSpec): string | undefined {
  return image === undefined || isOwnImage(image) ? undefined : image;
}

/** OpenWhisk's texts for an image that an action names and that cannot be run; undefined: it is not the image's fault. */
function imageText(cause: unknown, image: string | undefined): string | undefined {
  if (image === undefined || !(cause instanceof EngineError)) return undefined;
  if (cause.code === 'IMAGE_MISSING') return `Failed to pull container image '${image}'.`;
  if (cause.code === 'IMAGE_NOT_PULLED')
    return `Failed to pull container image '${image}'. It is not on this host, and images are not fetched here (containers.images.pull).`;
  if (cause.code === 'IMAGE_UNFIT') return `The action cannot run: ${cause.message}.`;
  const unfit = UNFIT_DIRECTORY.exec(cause.message)?.[1];
  if (unfit !== undefined)
    return `The action cannot run: the image ${image} has no room for a directory at ${unfit}, such as one of its volumes.`;
  const noProgram = /no command specified|executable file not found|exec format error|no such file or directory/i;
  return noProgram.test(cause.message) ? `executable file not found in image ${image}` : undefined;
}
