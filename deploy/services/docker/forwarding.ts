import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { programPath } from './install.js';

const SETTING = '/proc/sys/net/ipv4/ip_forward';
const TABLES = ['filter', 'nat'] as const;

/** What an engine changes of the machine's packet forwarding. */
export interface Forwarding {
  /** `1` when the kernel forwards packets, else `0`. */
  readonly forward: string;
  /** What becomes of a forwarded packet that no rule speaks of: `ACCEPT`, `DROP`. */
  readonly policy: string;
  /** The rules of each table, as `iptables -S` prints them. */
  readonly before: Readonly<Record<(typeof TABLES)[number], readonly string[]>>;
}

/** What is set before the engine starts. */
export function readForwarding(): Forwarding {
  const before = { filter: rules('filter'), nat: rules('nat') };
  const policy = before.filter.find((rule) => rule.startsWith('-P FORWARD '));
  return { forward: readFileSync(SETTING, 'utf8').trim(), policy: policy?.split(' ')[2] ?? 'ACCEPT', before };
}

/** Removes the rules and chains that an engine has made and sets again what was set. Does what it can. */
export function restoreForwarding({ forward, policy, before }: Forwarding): void {
  for (const table of TABLES) {
    const all = rules(table).map((rule) => rule.split(' '));
    const chains = all.filter(([what, name]) => what === '-N' && isEngines(name)).map(([, name]) => name!);
    const jumps = all.filter(([what, from]) => what === '-A' && !isEngines(from));
    for (const [, from, ...rule] of jumps.filter((rule) => rule.some((word) => isEngines(word)))) {
      iptables(table, '-D', from!, ...rule);
    }
    for (const chain of chains) iptables(table, '-F', chain);
    for (const chain of chains) iptables(table, '-X', chain);
    for (const rule of rules(table).filter((rule) => !before[table].includes(rule))) {
      if (isEngineRule(rule)) iptables(table, '-D', ...rule.split(' ').slice(1));
    }
  }
  iptables('filter', '-P', 'FORWARD', policy);
  if (forward === '0') writeFileSync(SETTING, '0');
}

const isEngines = (name = ''): boolean => /^DOCKER(?:-|$)/.test(name);
/** Rules for its bridges, and those by which a container reaches its own published port. */
const isEngineRule = (rule: string): boolean =>
  /^-A .*\s(?:docker0|br-[0-9a-f]{12})(?:\s|$)/.test(rule) ||
  /^-A POSTROUTING -s (\S+) -d \1 .*-j MASQUERADE$/.test(rule);

function rules(table: string): string[] {
  return iptables(table, '-S').split('\n').filter(Boolean);
}

function iptables(table: string, ...args: string[]): string {
  const program = programPath('iptables');
  if (program === undefined) return '';
  const { stdout } = spawnSync(program, ['--wait', '5', '-t', table, ...args], { encoding: 'utf8', timeout: 10_000 });
  return stdout ?? '';
}
