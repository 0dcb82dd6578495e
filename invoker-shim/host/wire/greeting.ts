import { HostLinkError } from './errors.js';

/** A change that an old peer cannot ignore raises it; what it can ignore is a feature. */
export const PROTOCOL_VERSION = 3;

/** What this release can do beyond its protocol version; a peer uses what both have. */
export const FEATURES: readonly string[] = [];

/** What a gateway says first. */
export interface Hello {
  readonly protocol: number;
  readonly features: readonly string[];
  /** Release, for messages to people. */
  readonly product: string;
  readonly role: 'gateway';
  /** For logs. */
  readonly name: string;
  /** Of this process: another one after a restart. */
  readonly instance: string;
  /** The host that it means to speak with. */
  readonly host: string;
}

/** What the host answers. */
export interface Welcome {
  readonly protocol: number;
  readonly features: readonly string[];
  readonly product: string;
  readonly host: string;
  readonly instance: string;
  /** Number of the last start that this process took from that gateway; null: it knows nothing of it. */
  readonly received: number | null;
}

/** Reads either greeting; throws `HostLinkError` REFUSED with what to do. */
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

/** What a wrong address is told with. */
export function otherHost(found: string, wanted: string): string {
  return `this is the host ${found}, not ${wanted}: correct the addresses of hosts in the configuration`;
}
