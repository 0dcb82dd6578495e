import { Agent } from 'node:http';
import { Duplex, Readable } from 'node:stream';
import { ensureImage } from '@dataflower/action-runtime/images';
import Docker from 'dockerode';
import { EngineError } from './engine-error.js';

/** Concurrent calls to the engine; further ones wait. */
const MAX_CALLS = 16;
/** Time limit of a call, in ms. A busy disk may need a good part of it. */
const CALL_LIMIT_MS = 30_000;
/** Time limit of a pull, in ms. */
const PULL_LIMIT_MS = 600_000;
/** Time for which an unused connection is kept, in ms. */
const KEEP_MS = 60_000;

/** Properties of an engine that decide how containers are started on it. */
export interface EngineInfo {
  readonly version: string;
  /** True when it runs on another or a virtual machine, and so cannot mount this machine's sockets. */
  readonly remote: boolean;
  /** True when it maps user ids into a range of its own (rootless, or user namespaces): high ids do not exist in containers. */
  readonly mapsUsers: boolean;
  /** Version of the control groups. */
  readonly cgroupVersion: 1 | 2;
  /** The driver of control groups: `cgroupfs`, `systemd` or none. */
  readonly cgroupDriver: string;
}

/** Filters of the engine's lists, by name: label, name, type, event. */
export type Filters = Readonly<Record<string, readonly string[]>>;

export interface ImageDescription {
  readonly labels: Readonly<Record<string, string>>;
  /** Directories that it declares as volumes. */
  readonly volumes: readonly string[];
}

export interface NetworkDescription {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Address of the engine's machine in the network, where it has one. */
  readonly gateway: string | undefined;
}

/** Client of one Docker engine. Every call has a time limit, few run at once, and every failure is an `EngineError`. */
export class Engine {
  readonly #docker: Docker;
  readonly #agent: Agent;
  readonly #local: boolean;
  readonly #address: string;

  /** @param address `unix:///path` or `tcp://host:port`. Default: `DOCKER_HOST`, else the system's socket. */
  constructor(address?: string) {
    // A cold start makes three calls: keep the connections.
    this.#agent = new Agent({ keepAlive: true, maxSockets: MAX_CALLS, maxFreeSockets: 4, timeout: KEEP_MS });
    this.#docker = new Docker({ ...parseAddress(address), agent: this.#agent } as Docker.DockerOptions);
    const { host, port, socketPath } = this.#docker.modem as { host?: string; port?: number; socketPath?: unknown };
    this.#local = host === undefined;
    if (host !== undefined) this.#address = `${host}:${port ?? ''}`;
    else this.#address = typeof socketPath === 'string' ? socketPath : '/var/run/docker.sock';
  }

  async info(): Promise<EngineInfo> {
    const ask = this.#docker.info.bind(this.#docker) as unknown as (options: object) => Promise<InfoAnswer>;
    const info = await this.#call('tell about itself', (abortSignal) => ask({ abortSignal }));
    const security = info.SecurityOptions ?? [];
    return {
      version: info.ServerVersion,
      remote: !this.#local || info.OperatingSystem === 'Docker Desktop',
      mapsUsers: security.some((option) => /name=(?:userns|rootless)/.test(option)),
      // Engines before 20.10 have only version 1 and do not report it.
      cgroupVersion: info.CgroupVersion === '2' ? 2 : 1,
      cgroupDriver: info.CgroupDriver,
    };
  }

  /** Labels and volumes of an image; undefined when the engine does not have it. */
  async image(image: string): Promise<ImageDescription | undefined> {
    try {
      const { Config } = await this.#call('look at an image', (abortSignal) =>
        this.#docker.getImage(image).inspect({ abortSignal } as object),
      );
      // The engine writes null for an empty object.
      const { Labels, Volumes } = Config as { Labels: ImageDescription['labels'] | null; Volumes: object | null };
      return { labels: Labels ?? {}, volumes: Object.keys(Volumes ?? {}) };
    } catch (error) {
      if (EngineError.is(error, 'IMAGE_MISSING') || EngineError.is(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** Makes sure that the engine has the image of the installed runtime, without pulling anything; returns its id. */
  async ensureRuntimeImage(onProgress: (text: string) => void): Promise<string> {
    return (await ensureImage(this.#docker, { onProgress, base: false })).id;
  }

  /** Pulls an image from its registry. Rejects with `IMAGE_MISSING` when that fails or exceeds its time limit. */
  async pull(image: string): Promise<void> {
    const tagged = /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), PULL_LIMIT_MS);
    try {
      const progress = await this.#docker.pull(tagged, { abortSignal: abort.signal });
      await new Promise<void>((resolve, reject) => {
        abort.signal.addEventListener('abort', () => reject(new Error('it takes too long')));
        this.#docker.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
      });
    } catch (cause) {
      throw new EngineError('IMAGE_MISSING', `the image ${image} cannot be fetched: ${(cause as Error).message}`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Creates a container; returns its id. @param settings Body of the engine's create call. */
  async create(name: string, settings: object): Promise<string> {
    const { id } = await this.#call('create a container', (abortSignal) =>
      this.#docker.createContainer({ _query: { name }, _body: settings, abortSignal } as Docker.ContainerCreateOptions),
    );
    return id;
  }

  /** Stdout and stderr of a container that is not started yet, in the engine's frames. */
  async attach(id: string): Promise<Duplex> {
    const options = { stream: true, stdout: true, stderr: true, hijack: true };
    const stream = await this.#call('attach to a container', (abortSignal) =>
      this.#docker.getContainer(id).attach({ ...options, abortSignal }),
    );
    if (!(stream instanceof Duplex)) throw new EngineError('ENGINE_REFUSED', 'the Docker engine gives no stream');
    return stream;
  }

  async start(id: string): Promise<void> {
    await this.#call('start a container', (abortSignal) => this.#docker.getContainer(id).start({ abortSignal }));
  }

  /** The address of a running container in its network. */
  async addressOf(id: string): Promise<string> {
    const { NetworkSettings } = await this.#call('look at a container', (abortSignal) =>
      this.#docker.getContainer(id).inspect({ abortSignal }),
    );
    const address = Object.values(NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== '')?.IPAddress;
    if (address === undefined) throw new EngineError('ENGINE_REFUSED', 'a container has no address: it has ended');
    return address;
  }

  /** Process id of a running container's first process, on the engine's machine. */
  async pidOf(id: string): Promise<number> {
    const { State } = await this.#call('look at a container', (abortSignal) =>
      this.#docker.getContainer(id).inspect({ abortSignal }),
    );
    return State.Pid;
  }

  async pause(id: string): Promise<void> {
    await this.#call('pause a container', (abortSignal) => this.#docker.getContainer(id).pause({ abortSignal }));
  }

  async resume(id: string): Promise<void> {
    await this.#call('resume a container', (abortSignal) => this.#docker.getContainer(id).unpause({ abortSignal }));
  }

  /** Kills a container if it runs, and removes it with its files. @param id Its id or name. */
  async remove(id: string): Promise<void> {
    await this.#call('remove a container', (abortSignal) =>
      this.#docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
    );
  }

  /** Containers in any state. */
  containers(filters: Filters): Promise<Docker.ContainerInfo[]> {
    return this.#call('list containers', (abortSignal) =>
      this.#docker.listContainers({ all: true, filters: JSON.stringify(filters), abortSignal }),
    );
  }

  /** Events from now on, as lines of JSON. */
  async events(filters: Filters): Promise<Readable> {
    const stream = await this.#call('report what happens', (abortSignal) =>
      this.#docker.getEvents({ filters: JSON.stringify(filters), abortSignal }),
    );
    if (!(stream instanceof Readable)) throw new EngineError('ENGINE_REFUSED', 'the Docker engine gives no events');
    return stream;
  }

  async networks(filters: Filters): Promise<NetworkDescription[]> {
    const networks = await this.#call('list networks', (abortSignal) =>
      this.#docker.listNetworks({ filters: JSON.stringify(filters), abortSignal }),
    );
    return networks.map(({ Id, Name, Labels, IPAM }) => ({
      id: Id,
      name: Name,
      labels: (Labels as Record<string, string> | null) ?? {},
      gateway: IPAM?.Config?.[0]?.['Gateway'],
    }));
  }

  /** Creates a network; returns its id. @param settings Body of the engine's create call. */
  async createNetwork(settings: object): Promise<string> {
    const { id } = await this.#call('create a network', (abortSignal) =>
      this.#docker.createNetwork({ ...settings, abortSignal } as unknown as Docker.NetworkCreateOptions),
    );
    return id;
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#call('remove a network', (abortSignal) => this.#docker.getNetwork(id).remove({ abortSignal }));
  }

  /** Closes the kept connections. */
  close(): void {
    this.#agent.destroy();
  }

  /** @param doing The request, for messages. */
  async #call<T>(doing: string, ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), CALL_LIMIT_MS);
    try {
      return await ask(abort.signal);
    } catch (cause) {
      throw EngineError.from(abort.signal.aborted ? abort.signal.reason : cause, doing, this.#address);
    } finally {
      clearTimeout(timer);
    }
  }
}

interface InfoAnswer {
  readonly ServerVersion: string;
  readonly OperatingSystem: string;
  readonly SecurityOptions: readonly string[] | null;
  readonly CgroupVersion?: string;
  readonly CgroupDriver: string;
}

function parseAddress(address: string | undefined): Docker.DockerOptions {
  if (address === undefined) return {};
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length), host: undefined };
  const { protocol, hostname, port } = new URL(address);
  if (protocol !== 'tcp:' && protocol !== 'http:' && protocol !== 'https:')
    throw new EngineError(
      'ENGINE_UNREACHABLE',
      `${address} is not the address of a Docker engine: unix:///path or tcp://host:port`,
    );
  return {
    host: hostname,
    port: Number(port),
    ...(protocol === 'tcp:' ? {} : { protocol: protocol.slice(0, -1) as 'http' }),
  };
}
