/** True for an address that only this machine can reach. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
}

const HOST = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/;

/**
 * The names under which clients may call, as in the header `Host`. A web page whose name was made to resolve to this machine
 * (DNS rebinding) sends its own name, and is refused (DV-14). The port does not matter, since ports may be forwarded; an
 * allowed name with a port is allowed with that port alone.
 */
export class HostCheck {
  readonly #allowed: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.#allowed = new Set(names.map((name) => name.toLowerCase()));
  }

  allows(host: string | undefined): boolean {
    const whole = host?.toLowerCase() ?? '';
    const name = HOST.exec(whole)?.[1] ?? '';
    return isLoopback(name.replace(/^\[|\]$/g, '')) || this.#allowed.has(name) || this.#allowed.has(whole);
  }
}
