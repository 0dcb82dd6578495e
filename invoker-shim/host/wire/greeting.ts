import { HostLinkError } from './errors.js';

/** Raised by a change that an old peer cannot ignore; a change that it can ignore is a feature. */
export const PROTOCOL_VERSION = 3;

/** Features of this release beyond its protocol version; peers use the features that both have. */
export const FEATURES: readonly string[] = [];

/** First message of the side that connects. */
export interface Hello {
  readonly protocol: number;
  readonly features: readonly string[];
  /** Release, for messages to people. */
  readonly product: string;
  readonly role: 'gateway';
  /** For logs. */
  readonly name: string;
  /** Id of this process: another id after a restart. */
  readonly instance: string;
  /** Id of the host that it expects at the address. */
  readonly host: string;
}

/** Answer to `Hello`. */
export interface Welcome {
  readonly protocol: number;
  readonly features: readonly string[];
  readonly product: string;
  readonly host: string;
  readonly instance: string;
  /** Number of the last numbered message that this process received from the peer's process; null: it does not know that process. */
  readonly received: number | null;
}

/** Reads either greeting. Throws `HostLinkError` REFUSED, with what to do, for another version. */
export function readGreeting(head: string, own: { readonly product: string }): Hello & Welcome {
  let greeting: Partial<Record<keyof Hello, unknown>>;
  try {
    greeting = (JSON.parse(head) ?? {}) as typeof greeting;
  } catch (cause) {
    throw new HostLinkError('PROTOCOL', 'the greeting is not JSON', { cause });
  }
  if (greeting.protocol !== PROTOCOL_VERSION) {
    throw new HostLinkError('REFUSED', versionText(greeting.protocol, greeting.product, own.product));
  }
  const texts = [greeting.instance, greeting.host, greeting.product];
  if (!texts.every((text) => typeof text === 'string' && text !== '' && text.length <= 256)) {
    throw new HostLinkError('PROTOCOL', 'the greeting lacks what it must say');
  }
  return greeting as Hello & Welcome;
}

function versionText(protocol: unknown, product: unknown, own: string): string {
  const theirs = typeof product === 'string' ? product.slice(0, 32) : 'unknown';
  const spoken = typeof protocol === 'number' ? `version ${protocol}` : 'an unknown version';
  return `release ${theirs} speaks ${spoken} of the protocol between plugin and shim, release ${own} speaks version ${PROTOCOL_VERSION}: run the same release on both`;
}

/** Message for a wrong address. */
export function otherHost(found: string, wanted: string): string {
  return `this is the host ${found}, not ${wanted}: correct the addresses of hosts in the configuration`;
}
