import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { identityText, isAlive, ownIdentity, parseIdentity } from '@dataflower/common/process';

/** Time for one call of `nft`, in ms. */
const NFT_LIMIT_MS = 10_000;
/** Whether frames between ports of a bridge pass the rules of IP. */
const BRIDGE_RULES = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/**
 * Where no container may connect to: everything that is not the public Internet (IANA's special-purpose registry, but
 * for the blocks kept for documentation), among it the metadata services of clouds on 169.254.0.0/16.
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
  /** The bridge that the containers are on. */
  readonly bridge: string;
  /** IPv4 ranges that they may not reach. */
  readonly refused: readonly string[];
  /** Resolvers (IPv4) that they may ask, on port 53, wherever these are. */
  readonly resolvers: readonly string[];
  /** Nothing outside may be reached at all. */
  readonly closed: boolean;
  /** The agent's own port on this machine that they may connect to. */
  readonly agentPort: number | undefined;
}

/** Why containers cannot be kept from the machine and its networks; the message says what to do. */
export class GuardError extends Error {
  override readonly name = 'GuardError';
}

/**
 * The packet filter around the containers of one agent: a table of nftables of its own, whose verdicts hold whatever else
 * filters on this machine. It is put in as a whole, as often as wanted, and taken out as a whole.
 */
export class NetworkGuard {
  readonly #table = `dataflower_${pidNamespace()}_${identityText(ownIdentity()).replace('-', '_')}`;

  readonly #rules: GuardRules;

  constructor(rules: GuardRules) {
    this.#rules = rules;
  }

  /** Puts the rules in, in one step; the same again when something has taken them out. @throws GuardError */
  async install(): Promise<void> {
    filterBridges();
    await nft(['-f', '-'], ruleset(this.#table, this.#rules));
  }

  /** True while the rules are there. */
  async installed(): Promise<boolean> {
    const tables = await nft(['list', 'tables', 'inet']);
    return tables.split('\n').includes(`table inet ${this.#table}`);
  }

  /** Takes the rules out. */
  async remove(): Promise<void> {
    await nft(['delete', 'table', 'inet', this.#table]);
  }
}

/** @throws GuardError where the bridge is on another machine, or a virtual one. */
export function checkFilterable(bridge: string): void {
  if (!existsSync(`/sys/class/net/${bridge}`))
    throw new GuardError('the Docker engine is not on this machine, where its networks could be filtered');
}

/** Takes out the rules of agents of this machine that are no more. */
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

/** Before every other filter, and final where it refuses: what others accept does not count. */
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

/** Without this, containers on one bridge reach each other past every rule. */
function filterBridges(): void {
  try {
    if (readFileSync(BRIDGE_RULES, 'utf8').trim() !== '1') writeFileSync(BRIDGE_RULES, '1');
  } catch (cause) {
    throw new GuardError(
      `containers on one bridge cannot be kept apart, because ${BRIDGE_RULES} is not there or cannot be set: load the module br_netfilter`,
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
  if (cause.code === 'ENOENT') return new GuardError('the program nft is not there: install nftables', { cause });
  const said = stderr.trim().split('\n')[0] ?? cause.message;
  if (/not permitted/i.test(said) || process.getuid?.() !== 0)
    return new GuardError('only root (CAP_NET_ADMIN) may set packet filters: run the agent as root', { cause });
  return new GuardError(`nft refuses the packet filter: ${said}`, { cause });
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '') || '0';
  } catch {
    // No such thing on this system.
    return '0';
  }
}
