import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { readText } from '@dataflower/composer/files';
import { parse, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { type Leaf, leaves } from './leaves.js';
import { ConfigError, found, kindOf } from './problem.js';
import { type Config, schema } from './schema.js';

export interface ConfigSources {
  /** A `dataflower.yaml`. */
  readonly file?: string | undefined;
  /** Variables `DATAFLOWER_…`; they override the file. */
  readonly environment?: Environment;
  /** Command line flags; they override everything. */
  readonly overrides?: Readonly<Record<string, unknown>>;
}

type Tree = Record<string, unknown>;
type Environment = Readonly<Record<string, string | undefined>>;

/** Loads the configuration; the only place that reads the process's environment. Throws `ConfigError` with all problems. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const { file, environment = process.env, overrides = {} } = sources;
  const problems: string[] = [];
  const tree: Tree = file === undefined ? {} : readFile(file, problems);
  readEnvironment(tree, environment, problems);
  overlay(tree, overrides);
  const result = schema.safeParse(tree);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describe(issue, tree, environment)));
  if (problems.length > 0 || !result.success) throw new ConfigError(problems, file);
  const home = result.data.dataDir.replace(/^~(?=\/|$)/, homedir());
  return freeze({ ...result.data, dataDir: resolve(home) });
}

function readFile(file: string, problems: string[]): Tree {
  let text: string;
  try {
    text = readText(file);
  } catch (cause) {
    problems.push((cause as Error).message);
    return {};
  }
  try {
    const value = parse(text) as unknown;
    if (value === null) return {};
    if (isTree(value)) return value;
    problems.push(`${file}: expected keys and values, found ${kindOf(value)}`);
  } catch (cause) {
    problems.push(
      `${file}: ${cause instanceof YAMLParseError ? cause.message.split('\n')[0]!.replace(/:$/, '') : String(cause)}`,
    );
  }
  return {};
}

function readEnvironment(tree: Tree, environment: Environment, problems: string[]): void {
  const all = leaves();
  const known = new Map(all.map((leaf) => [leaf.variable, leaf]));
  const sections = new Set(
    all.filter((leaf) => leaf.path.length > 1).map((leaf) => `DATAFLOWER_${leaf.path[0]!.toUpperCase()}_`),
  );
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) continue;
    const leaf = known.get(name);
    if (leaf !== undefined) overlay(tree, nest(leaf, value));
    else if ([...sections].some((section) => name.startsWith(section)))
      problems.push(`${name}: is not a variable of the configuration`);
  }
}

/** A text that is not YAML is kept as it is: the schema refuses it. */
function nest(leaf: Leaf, text: string): Tree {
  let value: unknown = text;
  if (!leaf.meta.text) {
    try {
      value = parse(text);
    } catch {
      value = text;
    }
  }
  return leaf.path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Tree;
}

/** Lays `over` over `tree`. A section and a value do not replace each other: the one in `tree` is kept, and the schema refuses it. */
function overlay(tree: Tree, over: Tree): void {
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const below = tree[name];
    if (below === undefined) tree[name] = structuredClone(value);
    else if (isTree(value) && isTree(below)) overlay(below, value);
    else if (!isTree(value) && !isTree(below)) tree[name] = value;
  }
}

function describe(issue: z.core.$ZodIssue, tree: Tree, environment: Environment): string[] {
  const path = issue.path.map(String);
  const place = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `${[...path, key].join('.')}: is not a key of the configuration (see docs/configuration.md)`,
    );
  }
  const value = path.reduce<unknown>((inner, name) => (inner as Tree | undefined)?.[name], tree);
  const leaf = leaves().find(
    (candidate) => place === candidate.path.join('.') || place.startsWith(`${candidate.path.join('.')}.`),
  );
  if (leaf === undefined) {
    return issue.code === 'custom'
      ? [`${place}: expected ${issue.message}, found ${found(value)}`]
      : [`${place}: expected a section with keys, found ${kindOf(value)}`];
  }
  const variable = environment[leaf.variable] === undefined ? '' : ` (${leaf.variable})`;
  const shown = leaf.meta.secret === true && value !== undefined ? 'something else (not shown)' : found(value);
  return [`${place}${variable}: expected ${leaf.meta.expected}, found ${shown}`];
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) freeze(member);
    Object.freeze(value);
  }
  return value;
}
