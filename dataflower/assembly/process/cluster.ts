import { readText } from '@dataflower/composer/files';
import { MIN_SECRET_CHARS } from '@dataflower/invoker-shim';
import type { Config } from '../../config/index.js';
import { StartError } from './start-error.js';

export type HostEntry = Config['hosts'][number];

const MIB = 1024 * 1024;
/** Largest payload, result or logs in a message between plugin and shim, in bytes. */
const LARGEST_VALUE_BYTES = 32 * MIB;

/** The secret that plugin and shims share. Throws `StartError` with what to do. */
export function clusterSecret({ cluster: { secret, secretFile } }: Config): string {
  const given = secret ?? (secretFile === undefined ? undefined : readSecret(secretFile));
  const todo = `the same text of at least ${MIN_SECRET_CHARS} characters for the plugin and all shims, such as \`openssl rand -hex 32\` gives`;
  if (given === undefined)
    throw new StartError(
      `Plugin and shims authenticate each other by a secret: set cluster.secretFile, cluster.secret or DATAFLOWER_CLUSTER_SECRET to ${todo}.`,
    );
  if (given.length < MIN_SECRET_CHARS)
    throw new StartError(`The secret of the cluster has ${given.length} characters: set ${todo}.`);
  return given;
}

function readSecret(file: string): string {
  try {
    return readText(file).trimEnd();
  } catch (cause) {
    throw new StartError(`cluster.secretFile: ${(cause as Error).message}`, { cause });
  }
}

/** The hosts of the configuration; throws `StartError` when there are none. */
export function configuredHosts({ hosts }: Config): readonly [HostEntry, ...HostEntry[]] {
  const [first, ...others] = hosts;
  if (first === undefined)
    throw new StartError(
      'No hosts are configured: add `hosts: [{id: host0, address: "127.0.0.1:3240"}]` to the file that plugin and shims share. For one process alone there is `dataflower standalone`.',
    );
  return [first, ...others];
}

/** A shim's own entry: the one with this id, or the only one. Throws `StartError`. */
export function ownHost(config: Config, id: string | undefined): HostEntry {
  const hosts = configuredHosts(config);
  const ids = hosts.map((host) => host.id).join(', ');
  if (id === undefined) {
    if (hosts.length === 1) return hosts[0];
    throw new StartError(`The configuration has several hosts: say which of them this is with --host (${ids}).`);
  }
  const own = hosts.find((host) => host.id === id);
  if (own === undefined) throw new StartError(`The configuration has no host ${id}: it has ${ids}.`);
  return own;
}

/** Values travel in one message: throws `StartError` for limits beyond its size. */
export function checkMessageLimits({ limits }: Config): void {
  const { payloadBytes, parametersBytes, resultBytes, logsMiB } = limits;
  const sizes = {
    'limits.payloadBytes': payloadBytes,
    'limits.resultBytes': resultBytes,
    // Bound parameters go into the message of a payload.
    'limits.parametersBytes': 2 * parametersBytes,
    'limits.logsMiB.max': 2 * logsMiB.max * MIB,
  };
  for (const [key, bytes] of Object.entries(sizes)) {
    if (bytes > LARGEST_VALUE_BYTES)
      throw new StartError(
        `${key} is too large for messages between plugin and shim: ${LARGEST_VALUE_BYTES / MIB} MiB is the most, half of it for logs and for parameters.`,
      );
  }
}
