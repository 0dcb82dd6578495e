import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { enginesHere } from './engines-here.js';
import { programPath } from './install.js';
import { isWithin, networkOf, overlap, type Range } from './ranges.js';

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';
const ROUTES = '/proc/net/route';
/** Private networks for our engines: those that other engines take by default are left to them. */
const FIRST = 128;
const LAST = 199;
const ATTEMPTS = 1000;
const COMMAND_MS = 10_000;

/**
 * The part of the kernel's network that one engine has for itself, so that several run beside each other: a bridge, the
 * range that its networks are made of, and the rules for that range. The engine makes no rule itself: as it starts and ends it
 * would undo those of another.
 */
export interface OwnNetwork {
  /** In the comment of each of its rules. */
  readonly name: string;
  readonly bridge: string;
  /** As `10.137.0.0/16`. */
  readonly range: string;
  /** `0` when the kernel is to forward no packets once no engine is left. */
  readonly forward: string;
}

/** A free one; nothing of the machine is changed yet. */
export function chooseNetwork(name: string): OwnNetwork {
  const taken = routes();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const range = `10.${randomInt(FIRST, LAST + 1)}.0.0/16`;
    if (taken.some((route) => overlap(route, networkOf(range)))) continue;
    // The last of our engines leaves forwarding as the first one found it.
    const wasOff = rules('filter').some((rule) => rule.includes(forwardNote('0')));
    const forward = wasOff ? '0' : readFileSync(FORWARDING, 'utf8').trim();
    return { name, bridge: `dfe-${name.slice(-6)}`, range, forward };
  }
  throw new Error(
    `Every network from 10.${FIRST}.0.0/16 to 10.${LAST}.0.0/16 is in use here: none is left for an engine.`,
  );
}

/** Makes it. */
export function openNetwork({ name, bridge, range, forward }: OwnNetwork): void {
  must('ip', 'link', 'add', 'name', bridge, 'type', 'bridge');
  must('ip', 'address', 'add', range.replace(/0\/\d+$/, '1/24'), 'dev', bridge);
  must('ip', 'link', 'set', bridge, 'up');
  const note = ['-m', 'comment', '--comment', `${name} ${forwardNote(forward)}`];
  // First, since another engine refuses by its policy what no rule takes.
  const answers = ['-d', range, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'];
  must('iptables', '--wait', '5', '-I', 'FORWARD', ...answers, ...note, '-j', 'ACCEPT');
  must('iptables', '--wait', '5', '-I', 'FORWARD', '-s', range, ...note, '-j', 'ACCEPT');
  must(
    'iptables',
    '--wait',
    '5',
    '-t',
    'nat',
    '-I',
    'POSTROUTING',
    '-s',
    range,
    '!',
    '-d',
    range,
    ...note,
    '-j',
    'MASQUERADE',
  );
  writeFileSync(FORWARDING, '1');
}

/** Removes its bridge, those of the networks that were made with the engine, and its rules. Does what it can. */
export function removeNetwork({ name, range, forward }: OwnNetwork): void {
  for (const link of linksWithin(range)) run('ip', 'link', 'delete', link);
  for (const table of ['filter', 'nat']) {
    for (const rule of rules(table).filter((line) => line.includes(`${name} `))) {
      run('iptables', '--wait', '5', '-t', table, '-D', ...words(rule).slice(1));
    }
  }
  if (forward === '0' && enginesHere().length === 0) writeFileSync(FORWARDING, '0');
}

const forwardNote = (forward: string): string => `forward-was-${forward}`;

/** Where packets go from here, but for the default. */
function routes(): Range[] {
  const address = (hex: string): string => [...Buffer.from(hex, 'hex').reverse()].join('.');
  return readFileSync(ROUTES, 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, destination, , , , , , mask] = line.split('\t');
      if (destination === undefined || mask === undefined || /^0+$/.test(mask)) return [];
      const bits = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
      return [networkOf(`${address(destination)}/${bits}`)];
    });
}

/** Interfaces with an address of the range, those that are down too. */
function linksWithin(range: string): string[] {
  const links = run('ip', '-o', '-4', 'address', 'show').matchAll(/^\d+:\s+(\S+)\s+inet\s+([\d.]+)/gm);
  return [...links].filter(([, , address]) => isWithin(address!, networkOf(range))).map(([, link]) => link!);
}

function rules(table: string): string[] {
  return run('iptables', '--wait', '5', '-t', table, '-S').split('\n').filter(Boolean);
}

/** Of a rule as it is listed: a comment with spaces stands in quotes. */
function words(rule: string): string[] {
  return [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

function must(program: string, ...args: string[]): void {
  const { status, stderr, error } = command(program, args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
}

function run(program: string, ...args: string[]): string {
  return command(program, args).stdout ?? '';
}

function command(program: string, args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(programPath(program) ?? program, args, { encoding: 'utf8', timeout: COMMAND_MS });
}
