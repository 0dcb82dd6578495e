import path from 'node:path';
import type { ContainerSpec } from '../../executor.js';
import { heapLimit } from '../heap-limit.js';

/** Where a container finds its socket. */
export const SOCKET_DIRECTORY = '/run/dataflower';
/** Where the runtime keeps what it unpacks: its own, so that a function's home is empty. */
const RUNTIME_DIRECTORY = '/run/action';
const HOME = '/tmp';
/** Where OpenWhisk's images for executables have the program. */
const EXECUTABLE_DIRECTORY = '/action';
/** Large buffers in huge pages, where the kernel gives them to who asks: touched for the first time in a fifth of the time. */
const HUGE_PAGES = 'glibc.malloc.hugetlb=1';
/** What the runtime itself takes, in MiB, beside what the action may use: the limit is the action's. */
const RUNTIME_MIB = 64;
/** An action of 256 MiB has one share of the processor, in the engine's unit. */
const SHARES_OF_256_MIB = 1024;
const MIB = 1024 * 1024;
/** Files and directories of one tmpfs: each takes memory of the kernel's. */
const TMPFS_INODES = 65_536;

/** What can be set about every container. */
export interface ContainerLimitsSettings {
  /** Of each of a container's writable directories, in MiB; at most half of the action's memory, which they count against. */
  readonly tmpfsMiB: number;
  /** Processes and threads of one container. */
  readonly pids: number;
  /** Of one core, in percent: 100 is one whole core. Undefined: no bound but the shares. */
  readonly cpuPercent: number | undefined;
  /** Open files of one process. */
  readonly openFiles: number;
}

/** A directory of this machine in a container. */
export interface BindMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerPlace {
  readonly spec: ContainerSpec;
  readonly image: string;
  /** It has not this project's runtime: the image says where it works, and nothing of ours is in it. */
  readonly foreign: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Directories that the image wants to write in. */
  readonly volumes: readonly string[];
  /** Of the engine: the network that it joins, or `none`. */
  readonly network: string;
  /** Resolvers; the engine's where there are none. */
  readonly dns: readonly string[];
  /** Directories of this machine that it sees. */
  readonly mounts: readonly BindMount[];
  readonly environment: Readonly<Record<string, string>>;
  /** The user id it runs with; undefined: the image's. */
  readonly uid: number | undefined;
}

/** The body of the engine's create call: everything that keeps a container in. */
export function containerSettings(place: ContainerPlace, limits: ContainerLimitsSettings): object {
  const { spec, uid, foreign } = place;
  const memory = (spec.memoryMiB + RUNTIME_MIB) * MIB;
  const tmpfsMiB = Math.min(limits.tmpfsMiB, spec.memoryMiB / 2);
  const tmpfs = tmpfsOptions(tmpfsMiB, uid);
  return {
    Image: place.image,
    Labels: place.labels,
    Hostname: 'action',
    ...(uid === undefined ? {} : { User: `${uid}:${uid}` }),
    ...(foreign ? {} : { WorkingDir: HOME }),
    Env: Object.entries({ HOME, ...(foreign ? {} : runtimeEnvironment(spec)), ...place.environment }).map(
      ([name, value]) => `${name}=${value}`,
    ),
    // A network name space with loopback is the kernel's work. Asked for more, the engine starts itself once again for
    // each container, which is half of the time until that runs.
    ...(place.network === 'none' ? { NetworkDisabled: true } : {}),
    // The engine would run it beside everything that bounds the container, as often as the image likes.
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
      // Together with swap: none.
      MemorySwap: memory,
      CpuShares: Math.max(2, Math.round((spec.memoryMiB / 256) * SHARES_OF_256_MIB)),
      ...(limits.cpuPercent === undefined ? {} : { NanoCpus: limits.cpuPercent * 10_000_000 }),
      PidsLimit: limits.pids,
      Ulimits: [
        { Name: 'nofile', Soft: limits.openFiles, Hard: limits.openFiles },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      // Where the machine itself runs out of memory, containers go first.
      OomScoreAdj: 500,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
    },
  };
}

/** Variables for our runtime, which takes them out of the environment of user code and its children. */
function runtimeEnvironment({ memoryMiB }: ContainerSpec): Record<string, string> {
  return { GLIBC_TUNABLES: HUGE_PAGES, NODE_OPTIONS: heapLimit(memoryMiB), __DF_DIRECTORY: RUNTIME_DIRECTORY };
}

/** All that can be written. A program that is in the image is not hidden by a directory for one that is not. */
function writableDirectories({ spec, foreign }: ContainerPlace): string[] {
  if (!foreign) return [HOME, RUNTIME_DIRECTORY];
  return spec.bringsCode === true ? [HOME, EXECUTABLE_DIRECTORY] : [HOME];
}

/** The image's own wishes: left to the engine, each would be a directory on its disk, without a bound. */
function volumesOf(place: ContainerPlace): string[] {
  const there = new Set(writableDirectories(place));
  const wanted = place.volumes.map(volumePath);
  return [...new Set(wanted)].filter((directory) => !there.has(directory));
}

/** Where a volume of an image is, in one way of writing. */
export function volumePath(volume: string): string {
  return path.posix.join('/', volume).replace(/(?<=.)\/$/, '');
}

/** The network has none; without this a container would have an address on the link all the same. */
const NO_IPV6 = { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' };

function tmpfsOptions(sizeMiB: number, uid: number | undefined): string {
  const owner = uid === undefined ? 'mode=1777' : `mode=0700,uid=${uid},gid=${uid}`;
  // `exec`: archives bring programs and native modules.
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
