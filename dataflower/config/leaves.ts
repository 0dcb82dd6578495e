import type { z } from 'zod';
import { type KeyMeta, metaOf } from './keys.js';
import { schema } from './schema.js';

/** One key of the configuration. */
export interface Leaf {
  readonly path: readonly string[];
  readonly meta: KeyMeta;
  /** Undefined: the key may be left out and has no default. */
  readonly fallback: unknown;
  /** The environment variable that sets it. */
  readonly variable: string;
}

/** `DATAFLOWER_` and the path in capitals, words and levels separated by `_`. */
export function variableName(path: readonly string[]): string {
  return `DATAFLOWER_${path
    .map((part) =>
      part
        .replace('MiB', 'Mib')
        .replace(/([a-z])([A-Z])/g, '$1_$2')
        .toUpperCase(),
    )
    .join('_')}`;
}

interface Definition {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly defaultValue?: unknown;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
}

function* walk(node: z.core.$ZodType, path: readonly string[]): Generator<Leaf> {
  const definition = node._zod.def as Definition;
  const meta = metaOf(node);
  if (meta !== undefined) {
    const fallback = definition.type === 'default' ? definition.defaultValue : undefined;
    yield { path, meta, fallback, variable: variableName(path) };
  } else if (definition.shape !== undefined) {
    for (const [name, member] of Object.entries(definition.shape)) yield* walk(member, [...path, name]);
  } else if (definition.innerType !== undefined) {
    yield* walk(definition.innerType, path);
  }
}

/** All keys, in the order of the schema. */
export function leaves(): Leaf[] {
  return [...walk(schema, [])];
}
