import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { CodedError } from '@dataflower/common';
import { identityText, isAlive, ownIdentity, parseIdentity } from '@dataflower/common/process';

/** Time for one call of `nft`, in ms. */
const NFT_LIMIT_MS = 10_000;
/** Kernel setting: whether frames between ports of a bridge pass the IP rules. */
const BRIDGE_RULES = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/**
 * Ranges that no container may connect to: all that is not the public Internet (IANA's special-purpose registry without
 * the blocks for documentation), including the metadata services of clouds on 169.254.0.0/16.
 */
export const PRIVATE_RANGES: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
];

export interface GuardRules {
  /** Interface name of the containers' bridge. */
  readonly bridge: string;
  /** IPv4 ranges that are refused. */
  readonly refused: readonly string[];
  /** IPv4 resolvers that containers may ask on port 53, in whatever range. */
  readonly resolvers: readonly string[];
  /** True when containers may reach nothing outside. */
  readonly closed: boolean;
  /** The agent's port on this machine that containers may connect to. */
  readonly agentPort: number | undefined;
}

/** Containers cannot be isolated from the machine and its networks. The message says what to do. */
export class GuardError extends CodedError<'NETWORK_UNGUARDED'> {
  static readonly codes = ['NETWORK_UNGUARDED'] as const;

  constructor(message: string, options?: ErrorOptions) {
    super('GuardError', 'NETWORK_UNGUARDED', false, message, options);
  }
}

/**
 * The packet filter around the containers of one agent: an nftables table of its own, whose verdicts hold beside any other
 * filter of this machine. It is installed and removed as a whole; installing it again is harmless.
 */
export class NetworkGuard {
  readonly #table = `dataflower_${pidNamespace()}_${identityText(ownIdentity()).replace('-', '_')}`;

  readonly #rules: GuardRules;

  constructor(rules: GuardRules) {
    this.#rules = rules;
  }

  /** Installs the rules atomically. @throws GuardError */
  async install(): Promise<void> {
    filterBridges();
    await nft(['-f', '-'], ruleset(this.#table, this.#rules));
  }

  /** True while the rules are installed. */
  async installed(): Promise<boolean> {
    const tables = await nft(['list', 'tables', 'inet']);
    return tables.split('\n').includes(`table inet ${this.#table}`);
  }

  /** Removes the rules. */
  async remove(): Promise<void> {
    await nft(['delete', 'table', 'inet', this.#table]);
  }
}

/** @throws GuardError when the bridge is on another or a virtual machine. */
export function checkFilterable(bridge: string): void {
  if (!existsSync(`/sys/class/net/${bridge}`))
    throw new GuardError('the Docker engine is not on this machine, where its networks could be filtered');
}

/** Removes the rules of dead agents of this machine. */
export async function removeStaleGuards(): Promise<void> {
  const prefix = `table inet dataflower_${pidNamespace()}_`;
  const tables = await nft(['list', 'tables', 'inet']);
  for (const line of tables.split('\n')) {
    if (!line.startsWith(prefix)) continue;
    const owner = parseIdentity(line.slice(prefix.length).replace('_', '-'));
    if (owner !== undefined && !isAlive(owner))
      await nft(['delete', 'table', 'inet', line.slice('table inet '.length)]);
  }
}

/** Runs before every other filter; a refusal is final, whatever other filters accept. */
function ruleset(table: string, { bridge, refused, resolvers, closed, agentPort }: GuardRules): string {
  const set = (name: string, elements: readonly string[]): string =>
    `set ${name} { type ipv4_addr; flags interval; auto-merge; ${elements.length === 0 ? '' : `elements = { ${elements.join(', ')} };`} }`;
  const ask = ['udp', 'tcp'].map((protocol) => `ip daddr @resolvers ${protocol} dport 53 accept`);
  const refuse = 'counter reject with icmpx type admin-prohibited';
  return `
table inet ${table}
delete table inet ${table}
table inet ${table} {
  ${set('refused', refused)}
  ${set('resolvers', resolvers)}
  chain forward {
    type filter hook forward priority -150; policy accept;
    iifname "${bridge}" jump from_container
    oifname "${bridge}" ct state established,related accept
    oifname "${bridge}" drop
  }
  chain from_container {
    oifname "${bridge}" ${refuse}
    meta nfproto != ipv4 drop
    ${closed ? '' : ask.join('\n    ')}
    ${closed ? refuse : `ip daddr @refused ${refuse}`}
    accept
  }
  chain input {
    type filter hook input priority -150; policy accept;
    iifname != "${bridge}" accept
    ct state established,related accept
    ${agentPort === undefined ? '' : `tcp dport ${agentPort} accept`}
    ${closed ? '' : ask.join('\n    ')}
    ${refuse}
  }
  chain output {
    type filter hook output priority -150; policy accept;
    oifname "${bridge}" ct state new meta skuid != ${process.getuid?.() ?? 0} ${refuse}
  }
}
`;
}

/** Without this setting, containers on one bridge reach each other past every rule. */
function filterBridges(): void {
  try {
    if (readFileSync(BRIDGE_RULES, 'utf8').trim() !== '1') writeFileSync(BRIDGE_RULES, '1');
  } catch (cause) {
    throw new GuardError(
      `containers on one bridge cannot be isolated, because ${BRIDGE_RULES} does not exist or cannot be set: load the module br_netfilter`,
      { cause },
    );
  }
}

function nft(commandLine: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('nft', commandLine, { timeout: NFT_LIMIT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(refusal(error, stderr));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function refusal(cause: Error & { code?: unknown }, stderr: string): GuardError {
  if (cause.code === 'ENOENT') return new GuardError('the program nft is missing: install nftables', { cause });
  const said = stderr.trim().split('\n')[0] ?? cause.message;
  if (/not permitted/i.test(said) || process.getuid?.() !== 0)
    return new GuardError('only root (CAP_NET_ADMIN) may set packet filters: run the agent as root', { cause });
  return new GuardError(`nft refuses the packet filter: ${said}`, { cause });
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '') || '0';
  } catch {
    // This system has no namespaces of process ids.
    return '0';
  }
}
