import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import os from 'node:os';
import { identityText, isAlive, ownIdentity, parseIdentity } from '@dataflower/common/process';

/** Labels of all containers and networks of an agent. Several agents may share an engine. */
export const Label = {
  /** The machine and its namespace of process ids. */
  host: 'dataflower.host',
  /** The data directory, which one agent at a time uses. */
  home: 'dataflower.home',
  /** The process, by an identity that is never reused. */
  process: 'dataflower.process',
  /** Namespace, action and revision that the container was started for. */
  key: 'dataflower.key',
} as const;

/** Tells which agent a container or network on an engine belongs to. */
export class AgentIdentity {
  readonly labels: Readonly<Record<string, string>>;
  /** Eight hex digits, different for each agent, for the names of its containers and networks. */
  readonly short: string;
  readonly #host: string;
  readonly #home: string | undefined;

  /** @param dataDir The data directory, which no other live agent has. */
  constructor(dataDir?: string) {
    this.#host = digest([machineId(), os.hostname(), pidNamespace()]);
    this.#home = dataDir === undefined ? undefined : digest([this.#machine(), dataDir, inodeOf(dataDir)]);
    const process = identityText(ownIdentity());
    this.short = digest([this.#host, process, String(performance.timeOrigin)]).slice(0, 8);
    this.labels = {
      [Label.host]: this.#host,
      [Label.process]: process,
      ...(this.#home === undefined ? {} : { [Label.home]: this.#home }),
    };
  }

  /** True for the labels of a dead agent: its process is gone, or it had the data directory that this agent has now. */
  isLeftBehind(labels: Readonly<Record<string, string>>): boolean {
    if (labels[Label.process] === this.labels[Label.process] && labels[Label.host] === this.#host) return false;
    if (this.#home !== undefined && labels[Label.home] === this.#home) return true;
    if (labels[Label.host] !== this.#host) return false;
    const owner = parseIdentity(labels[Label.process] ?? '');
    return owner !== undefined && !isAlive(owner);
  }

  #machine(): string {
    return `${machineId()} ${os.hostname()}`;
  }
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 24);
}

function machineId(): string {
  return firstLine('/etc/machine-id') ?? firstLine('/var/lib/dbus/machine-id') ?? '';
}

function firstLine(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    // This system has no namespaces of process ids.
    return '';
  }
}

function inodeOf(directory: string): string {
  try {
    const { dev, ino } = statSync(directory);
    return `${dev}:${ino}`;
  } catch {
    return '';
  }
}
