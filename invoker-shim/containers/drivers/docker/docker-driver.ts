import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isRuntimeImage } from '@dataflower/action-runtime/images';
import { agentEnvironment } from '@dataflower/action-runtime/nodejs';
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
import { Images, type ImageFacts, type PullPolicy } from './engine/images.js';
import { freshUid } from '../container-user.js';
import { Removals, removeLeftBehind } from './engine/removals.js';
import { SharedDirectory } from './files/shared-directory.js';
import { SharedDirectories } from './files/shared-directories.js';
import { SocketMemory } from './socket-memory.js';
import { TcpGate } from './network/tcp-gate.js';

export interface DockerDriverOptions {
  /** Address of the engine. Default: `DOCKER_HOST`, else the system's socket. */
  readonly dockerHost?: string;
  /** The image of each kind; `default` for every other kind. */
  readonly images: Readonly<Record<string, string>>;
  /** How containers reach the agent. Default `auto`: its unix socket; TCP for an engine on another or a virtual machine. */
  readonly transport?: 'auto' | 'socket' | 'tcp';
  /** Name of this machine for containers that connect over TCP. Default: its address in their network. */
  readonly agentHost?: string;
  /** When to pull an image that an action names. Default: `never`. */
  readonly pull?: PullPolicy;
  /** User of containers whose image an action names: a user of each container's own, or the image's. Default: `own`. */
  readonly imageUser?: 'own' | 'image';
  /** Default: containers reach only the agent. */
  readonly network?: NetworkOptions;
  readonly limits?: Partial<ContainerLimitsSettings>;
  /** Data directory of this agent: containers and networks that an earlier agent with the same directory left are removed. */
  readonly dataDir?: string;
  readonly logger?: ContainerLogger;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

const CLOSED: NetworkOptions = { mode: 'none', refused: [], dns: undefined };
const DEFAULT_LIMITS: ContainerLimitsSettings = { tmpfsMiB: 128, pids: 256, cpuPercent: undefined, openFiles: 1024 };
/** Time to wait for pending removals on `close`, in ms. */
const CLOSE_LIMIT_MS = 10_000;
/** Characters of a container's key that its label shows. */
const MAX_KEY_CHARS = 1000;
/** The hosts file of a container without the engine's networking, for which the engine writes none. */
const HOSTS_FILE = 'hosts';
const HOSTS = '127.0.0.1\tlocalhost\n::1\tlocalhost\n';
/** Images that the operator configures have this project's runtime. */
const CONFIGURED_IMAGE: ImageFacts = { ours: true, volumes: [] };
/** Port on which OpenWhisk's runtimes listen. */
const HTTP_PORT = 8080;
/** The engine's message when the image has a file or a link where a tmpfs is to be mounted; not when memory is short. */
const UNFIT_DIRECTORY =
  /error mounting "tmpfs" to rootfs at "([^"]{1,200})".*(?:not a directory|read-only|no such file|permission denied)/s;

/**
 * Opens the driver, and removes containers and networks that dead agents left on the engine.
 * Rejects with `EngineError` when no engine answers.
 */
export async function openDockerDriver(options: DockerDriverOptions): Promise<DockerDriver> {
  const engine = new Engine(options.dockerHost);
  const { logger = silentLogger, clock = systemClock } = options;
  const identity = new AgentIdentity(options.dataDir);
  let network: ContainerNetwork | undefined;
  let gate: TcpGate | undefined;
  try {
    const info = await engine.info();
    await removeLeftBehind(engine, identity, logger);
    const { transport = 'auto' } = options;
    if (transport === 'tcp' || (transport === 'auto' && info.remote)) gate = new TcpGate(clock, options.agentHost);
    const listen = gate === undefined ? {} : { listen: (gateway: string) => gate!.listen(gateway) };
    network = await ContainerNetwork.open(
      { ...(options.network ?? CLOSED), ...listen },
      { engine, identity, clock, logger },
    );
    const driver = new DockerDriver(
      { engine, info, identity, network, gate, directories: SharedDirectories.open(clock), clock, logger },
      options,
    );
    await driver.open();
    return driver;
  } catch (error) {
    gate?.close();
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
  /** Undefined: containers connect through unix sockets. */
  readonly gate: TcpGate | undefined;
  /** Undefined where the machine has no shared memory. */
  readonly directories: SharedDirectories | undefined;
  readonly clock: Clock;
  readonly logger: ContainerLogger;
}

/** Runs containers on a Docker engine: isolated, bounded, and removed with the agent. The executor that owns the driver closes it. */
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

  /** Starts watching the engine. */
  open(): Promise<void> {
    return this.#watch.open();
  }

  shareFiles(spec: ContainerSpec): SharedDirectory | undefined {
    // An image that an action names may have another runtime; over TCP the engine may be on another machine.
    if (namedImage(spec) !== undefined || this.#parts.gate !== undefined) return undefined;
    return this.#parts.directories?.make();
  }

  async start(start: StartOptions): Promise<ContainerHandle> {
    if (!this.#watch.connected) throw new EngineError('ENGINE_UNREACHABLE', 'the Docker engine is away');
    const image = this.#imageOf(start.spec);
    try {
      const named = namedImage(start.spec) !== undefined;
      const { ours, volumes } = named ? await this.#images.about(image, start.onFetch) : CONFIGURED_IMAGE;
      const settings = containerSettings(
        await this.#place(start, { image, openWhiskRuntime: !ours, volumes }),
        this.#limits,
      );
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
    this.#parts.gate?.dismiss(socketPath);
    if (files instanceof SharedDirectory) this.#parts.directories?.remove(files);
  }

  /** Removes the remaining containers and the network. */
  async close(): Promise<void> {
    await this.#removals.close(this.#watch.connected ? CLOSE_LIMIT_MS : 0);
    this.#watch.close();
    this.#parts.gate?.close();
    await this.#parts.network.close();
    await this.#parts.directories?.close();
    this.#parts.engine.close();
  }

  async #place(
    { spec, socketPath, token, files }: StartOptions,
    { image, openWhiskRuntime, volumes }: Pick<ContainerPlace, 'image' | 'openWhiskRuntime' | 'volumes'>,
  ): Promise<ContainerPlace> {
    const { identity, network, info, gate } = this.#parts;
    const place = {
      spec,
      image,
      openWhiskRuntime,
      volumes,
      labels: { ...identity.labels, [Label.key]: spec.key.slice(0, MAX_KEY_CHARS) },
      network: await network.join(openWhiskRuntime || gate !== undefined),
      dns: network.dns,
    };
    const asImageSays = openWhiskRuntime && this.#options.imageUser === 'image';
    const uid = info.mapsUsers || asImageSays ? undefined : freshUid();
    if (openWhiskRuntime) return { ...place, mounts: [], environment: {}, uid };
    if (gate !== undefined) {
      const environment = agentEnvironment(await gate.addressFor(socketPath), token);
      return { ...place, mounts: [], environment, uid };
    }
    const socketDirectory = path.dirname(socketPath);
    // Every user id of the container can connect and change nothing; other users cannot enter the directory above.
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
        ...(files instanceof SharedDirectory ? files.mounts : []),
      ],
      environment: agentEnvironment(address, token),
      uid,
    };
  }

  async #run(settings: object, { onOutput }: StartOptions, openWhiskRuntime: boolean): Promise<DockerContainer> {
    const { engine, clock, identity } = this.#parts;
    const name = `dataflower-${identity.short}-${++this.#count}`;
    let container: DockerContainer | undefined;
    try {
      const id = await engine.create(name, settings);
      const parts = { engine, watch: this.#watch, removals: this.#removals, clock, onOutput };
      container = new DockerContainer(id, parts);
      container.attached(await engine.attach(id));
      await this.#startBounded(id);
      if (openWhiskRuntime) container.http = { host: await engine.addressOf(id), port: HTTP_PORT };
      return container;
    } catch (error) {
      if (container !== undefined) {
        container.stop();
        await container.exited;
      } else if (!EngineError.is(error, 'IMAGE_MISSING')) {
        // The engine may have created it although its answer was lost: only the name is known.
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
    const image = namedImage(spec) ?? this.#options.images[spec.kind] ?? this.#options.images['default'];
    if (image === undefined) throw new EngineError('IMAGE_MISSING', `no image is set for the kind ${spec.kind}`);
    return image;
  }
}

/** The image that an action names; undefined when it names none, or this project's own, which is the image of its kind. */
function namedImage({ image }: ContainerSpec): string | undefined {
  return image === undefined || isRuntimeImage(image) ? undefined : image;
}

/** OpenWhisk's text for an image that cannot be run; undefined: the image is not the cause. */
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
