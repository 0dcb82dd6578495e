import { runtimeEnvironment } from '@dataflower/action-runtime/nodejs';
import type { ContainerSpec } from '../../executor.js';
import { volumePath } from './engine/images.js';

/** Folder of the agent's socket in a container. */
export const SOCKET_DIRECTORY = '/run/dataflower';
/** Folder of unpacked code: separate, so that a function's home is empty. */
const RUNTIME_DIRECTORY = '/run/action';
const HOME = '/tmp';
/** Folder of the program in OpenWhisk's images for executables. */
const EXECUTABLE_DIRECTORY = '/action';
/** Memory of the runtime itself, in MiB, which is added to the action's limit. */
const RUNTIME_MIB = 64;
/** Processor shares of an action of 256 MiB, in the engine's unit. */
const SHARES_OF_256_MIB = 1024;
const MIB = 1024 * 1024;
/** Files and directories of one tmpfs: each takes kernel memory. */
const TMPFS_INODES = 65_536;

/** Settings of every container. */
export interface ContainerLimitsSettings {
  /** Size of each writable directory, in MiB; at most half of the action's memory, from which it is taken. */
  readonly tmpfsMiB: number;
  /** Processes and threads of one container. */
  readonly pids: number;
  /** Limit in percent of one core. Undefined: only the shares apply. */
  readonly cpuPercent: number | undefined;
  /** Open files of one process. */
  readonly openFiles: number;
}

/** A directory of this machine that a container sees. */
export interface BindMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** One container's properties. */
export interface ContainerPlace {
  readonly spec: ContainerSpec;
  readonly image: string;
  /** True for an image with an OpenWhisk runtime: it chooses its working directory and gets none of our variables. */
  readonly openWhiskRuntime: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Directories that the image declares as volumes. */
  readonly volumes: readonly string[];
  /** Name of the engine's network that it joins, or `none`. */
  readonly network: string;
  /** Addresses of resolvers; empty: the engine's. */
  readonly dns: readonly string[];
  /** Directories of this machine. */
  readonly mounts: readonly BindMount[];
  readonly environment: Readonly<Record<string, string>>;
  /** User id of its processes; undefined: the image's. */
  readonly uid: number | undefined;
}

/** The body of the engine's create call, with all that isolates and bounds a container. */
export function containerSettings(place: ContainerPlace, limits: ContainerLimitsSettings): object {
  const { spec, uid, openWhiskRuntime } = place;
  const memory = (spec.memoryMiB + RUNTIME_MIB) * MIB;
  const tmpfsMiB = Math.min(limits.tmpfsMiB, spec.memoryMiB / 2);
  const tmpfs = tmpfsOptions(tmpfsMiB, uid);
  return {
    Image: place.image,
    Labels: place.labels,
    Hostname: 'action',
    ...(uid === undefined ? {} : { User: `${uid}:${uid}` }),
    ...(openWhiskRuntime ? {} : { WorkingDir: HOME }),
    Env: Object.entries({
      HOME,
      ...(openWhiskRuntime ? {} : runtimeEnvironment({ memoryMiB: spec.memoryMiB, directory: RUNTIME_DIRECTORY })),
      ...place.environment,
    }).map(([name, value]) => `${name}=${value}`),
    // The kernel alone makes a network namespace with loopback. For more, the engine starts another process per container,
    // which takes half of the start.
    ...(place.network === 'none' ? { NetworkDisabled: true } : {}),
    // The engine would run it outside the container's bounds, as often as the image asks for.
    Healthcheck: { Test: ['NONE'] },
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      NetworkMode: place.network,
      ...(place.network === 'none' ? {} : { Dns: place.dns, DnsSearch: ['.'], Sysctls: NO_IPV6 }),
      ReadonlyRootfs: true,
      Tmpfs: Object.fromEntries(writableDirectories(place).map((directory) => [directory, tmpfs])),
      Mounts: [...place.mounts.map(bindMount), ...volumesOf(place).map((target) => memoryMount(target, tmpfsMiB))],
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      IpcMode: 'private',
      ShmSize: tmpfsMiB * MIB,
      CgroupnsMode: 'private',
      Memory: memory,
      // The sum of memory and swap: no swap.
      MemorySwap: memory,
      CpuShares: Math.max(2, Math.round((spec.memoryMiB / 256) * SHARES_OF_256_MIB)),
      ...(limits.cpuPercent === undefined ? {} : { NanoCpus: limits.cpuPercent * 10_000_000 }),
      PidsLimit: limits.pids,
      Ulimits: [
        { Name: 'nofile', Soft: limits.openFiles, Hard: limits.openFiles },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      // When the machine runs out of memory, containers are killed first.
      OomScoreAdj: 500,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
    },
  };
}

/** The writable directories. The folder for executables is one only when the action brings its program, which would hide the image's. */
function writableDirectories({ spec, openWhiskRuntime }: ContainerPlace): string[] {
  if (!openWhiskRuntime) return [HOME, RUNTIME_DIRECTORY];
  return spec.bringsCode === true ? [HOME, EXECUTABLE_DIRECTORY] : [HOME];
}

/** The image's volumes. The engine would place each on its disk, without a bound. */
function volumesOf(place: ContainerPlace): string[] {
  const there = new Set(writableDirectories(place));
  const wanted = place.volumes.map(volumePath);
  return [...new Set(wanted)].filter((directory) => !there.has(directory));
}

/** The network has no IPv6; without this a container would have a link-local address all the same. */
const NO_IPV6 = { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' };

function tmpfsOptions(sizeMiB: number, uid: number | undefined): string {
  const owner = uid === undefined ? 'mode=1777' : `mode=0700,uid=${uid},gid=${uid}`;
  // `exec`: archives contain programs and native modules.
  return `rw,exec,nosuid,nodev,size=${Math.floor(sizeMiB * MIB)},nr_inodes=${TMPFS_INODES},${owner}`;
}

function bindMount({ source, target, readOnly }: BindMount): object {
  return {
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: readOnly,
    BindOptions: { Propagation: 'rprivate' },
  };
}

function memoryMount(target: string, sizeMiB: number): object {
  return { Type: 'tmpfs', Target: target, TmpfsOptions: { SizeBytes: Math.floor(sizeMiB * MIB), Mode: 0o1777 } };
}
