import { z } from 'zod';

/** What the reference page and the error messages say of one key. */
export interface KeyMeta {
  /** What it is for, in one sentence. */
  readonly about: string;
  /** Symptom and which way to turn the knob. */
  readonly turn: string;
  /** What a right value is, for error messages. */
  readonly expected: string;
  /** `text` values are taken from the environment as they are; others are read as YAML. */
  readonly text: boolean;
  /** What holds when the key is left out and has no default of its own. */
  readonly meanwhile?: string;
  /** The value, or part of it, is for nobody's eyes: no error message shows it. */
  readonly secret?: boolean;
}

interface Words {
  readonly about: string;
  readonly turn: string;
}

const metas = z.registry<KeyMeta>();

/** What is known of a leaf of the schema; undefined for a section. */
export function metaOf(schema: z.core.$ZodType): KeyMeta | undefined {
  return metas.get(schema);
}

/** A whole number between two bounds, both allowed. */
export function whole(fallback: number, min: number, max: number, words: Words) {
  const schema = z.int().min(min).max(max).default(fallback);
  metas.add(schema, { ...words, expected: `a whole number from ${min} to ${max}`, text: false });
  return schema;
}

/** A whole number that is found out where it is left out; `meanwhile` says how. */
export function optionalWhole(meanwhile: string, min: number, max: number, words: Words) {
  const schema = z.int().min(min).max(max).optional();
  metas.add(schema, { ...words, expected: `a whole number from ${min} to ${max}`, text: false, meanwhile });
  return schema;
}

export function flag(fallback: boolean, words: Words) {
  const schema = z.boolean().default(fallback);
  metas.add(schema, { ...words, expected: 'true or false', text: false });
  return schema;
}

export function text(fallback: string, words: Words) {
  const schema = z.string().min(1).default(fallback);
  metas.add(schema, { ...words, expected: 'a text that is not empty', text: true });
  return schema;
}

/** A text that is found out where it is left out; `meanwhile` says how. */
export function optionalText(meanwhile: string, words: Words) {
  const schema = z.string().min(1).optional();
  metas.add(schema, { ...words, expected: 'a text that is not empty', text: true, meanwhile });
  return schema;
}

/** A text that no message shows. */
export function secret(meanwhile: string, words: Words) {
  const schema = z.string().min(1).optional();
  metas.add(schema, { ...words, expected: 'a text that is not empty', text: true, meanwhile, secret: true });
  return schema;
}

/** A text of a form; `expected` says which. */
export function textLike(fallback: string, form: RegExp, expected: string, words: Words) {
  const schema = z.string().regex(form).default(fallback);
  metas.add(schema, { ...words, expected, text: true });
  return schema;
}

/**
 * The address of a service with `http` or `https`, without credentials: they have keys of their own. No message shows
 * it, since somebody may have written them there.
 */
export function optionalUrl(meanwhile: string, words: Words) {
  const schema = z
    .string()
    .refine((value) => {
      if (!URL.canParse(value)) return false;
      const { protocol, username, password } = new URL(value);
      return /^https?:$/.test(protocol) && username === '' && password === '';
    })
    .optional();
  const expected = 'an http or https URL without user name and password';
  metas.add(schema, { ...words, expected, text: true, meanwhile, secret: true });
  return schema;
}

export function texts(words: Words) {
  const schema = z.array(z.string().min(1)).default([]);
  metas.add(schema, { ...words, expected: 'a list of texts', text: false });
  return schema;
}

/** A list of objects that is found out where it is left out; `meanwhile` says how, `expected` what one looks like. */
export function optionalList<T extends z.core.$ZodLooseShape>(
  meanwhile: string,
  item: T,
  expected: string,
  words: Words,
) {
  const schema = z.array(z.strictObject(item)).max(100).optional();
  metas.add(schema, { ...words, expected: `a list of ${expected}`, text: false, meanwhile });
  return schema;
}

export function choice<const T extends readonly [string, ...string[]]>(fallback: T[number], values: T, words: Words) {
  const schema = z.enum(values).default(() => fallback);
  metas.add(schema, { ...words, expected: `one of ${values.join(', ')}`, text: true });
  return schema;
}

/** A list of sections; `isValid` checks what the items are together. */
export function items<T extends z.ZodType>(
  item: T,
  isValid: (list: readonly z.output<T>[]) => boolean,
  expected: string,
  words: Words,
) {
  const schema = z.array(item).refine(isValid).default([]);
  metas.add(schema, { ...words, expected, text: false });
  return schema;
}

/** Keys that belong together. Left out, it has its defaults; a key it does not know is refused. */
export function section<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape).prefault({} as never);
}

/** Bounds and default of one of an action's limits; they must be in order. */
export function range(min: number, fallback: number, max: number, unit: string, what: string) {
  const highest = 1_000_000_000;
  return z
    .strictObject({
      min: whole(min, 0, highest, {
        about: `Least ${what} an action may ask for, in ${unit}.`,
        turn: `An action with less is refused with 400: lower it to allow that.`,
      }),
      default: whole(fallback, 0, highest, {
        about: `The ${what} of an action that asks for none, in ${unit}.`,
        turn: `Raise it when plain actions need more.`,
      }),
      max: whole(max, 0, highest, {
        about: `Most ${what} an action may ask for, in ${unit}.`,
        turn: `A create or update that is refused with 400 "exceeds allowed threshold" needs a higher one.`,
      }),
    })
    .refine((r) => r.min <= r.default && r.default <= r.max, { message: 'min ≤ default ≤ max' })
    .prefault({} as never);
}
