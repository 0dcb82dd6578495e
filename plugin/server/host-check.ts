const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const HTTP_PORT = 80;

/** True for an address that only this machine can reach. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
}

/**
 * The names under which clients may call, as they stand in `Host`. A page from elsewhere whose name was made to lead to
 * this machine (DNS rebinding) sends its own name, and is refused (DV-14).
 */
export class HostCheck {
  private readonly allowed: ReadonlySet<string>;

  constructor(names: readonly string[], port: number) {
    const all = [...LOOPBACK, ...names.map((name) => name.toLowerCase())];
    const withPort = all.map((name) => (/(?:^|[^:\]]):\d+$/.test(name) ? name : `${name}:${port}`));
    this.allowed = new Set(port === HTTP_PORT ? [...withPort, ...all] : withPort);
  }

  allows(host: string | undefined): boolean {
    return host !== undefined && (this.allowed.has(host) || this.allowed.has(host.toLowerCase()));
  }
}
