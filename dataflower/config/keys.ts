import { z } from 'zod';

/** The texts of one key, for the reference page and for error messages. */
export interface KeyMeta {
  /** What the key is for, in one sentence. */
  readonly about: string;
  /** A symptom, and the change of the value that removes it. */
  readonly whenToChange: string;
  /** Description of a valid value, for error messages. */
  readonly expected: string;
  /** `text` values are taken from the environment as they are; others are read as YAML. */
  readonly text: boolean;
  /** Description of the default, for a key whose default is not a constant. */
  readonly defaultText?: string;
  /** The value is or may hold a secret: no error message shows it. */
  readonly secret?: boolean;
}

interface KeyTexts {
  readonly about: string;
  readonly whenToChange: string;
}

const metas = z.registry<KeyMeta>();

/** The texts of a leaf of the schema; undefined for a section. */
export function metaOf(schema: z.core.$ZodType): KeyMeta | undefined {
  return metas.get(schema);
}

/** A whole number between two bounds, both allowed. */
export function whole(fallback: number, min: number, max: number, key: KeyTexts) {
  const schema = z.int().min(min).max(max).default(fallback);
  metas.add(schema, { ...key, expected: `a whole number from ${min} to ${max}`, text: false });
  return schema;
}

/** A whole number whose default depends on the machine; `defaultText` describes it. */
export function optionalWhole(defaultText: string, min: number, max: number, key: KeyTexts) {
  const schema = z.int().min(min).max(max).optional();
  metas.add(schema, { ...key, expected: `a whole number from ${min} to ${max}`, text: false, defaultText });
  return schema;
}

export function flag(fallback: boolean, key: KeyTexts) {
  const schema = z.boolean().default(fallback);
  metas.add(schema, { ...key, expected: 'true or false', text: false });
  return schema;
}

export function text(fallback: string, key: KeyTexts) {
  const schema = z.string().min(1).default(fallback);
  metas.add(schema, { ...key, expected: 'a text that is not empty', text: true });
  return schema;
}

/** A text whose default is not a constant; `defaultText` describes it. */
export function optionalText(defaultText: string, key: KeyTexts) {
  const schema = z.string().min(1).optional();
  metas.add(schema, { ...key, expected: 'a text that is not empty', text: true, defaultText });
  return schema;
}

/** A text that no message shows. */
export function secret(defaultText: string, key: KeyTexts) {
  const schema = z.string().min(1).optional();
  metas.add(schema, { ...key, expected: 'a text that is not empty', text: true, defaultText, secret: true });
  return schema;
}

/** A text of a form; `expected` describes the form. */
export function textLike(fallback: string, form: RegExp, expected: string, key: KeyTexts) {
  const schema = z.string().regex(form).default(fallback);
  metas.add(schema, { ...key, expected, text: true });
  return schema;
}

/**
 * The address of a service with `http` or `https`, without credentials: they have keys of their own. No message shows
 * the value, since it may hold credentials all the same.
 */
export function optionalUrl(defaultText: string, key: KeyTexts) {
  const schema = z
    .string()
    .refine((value) => {
      if (!URL.canParse(value)) return false;
      const { protocol, username, password } = new URL(value);
      return /^https?:$/.test(protocol) && username === '' && password === '';
    })
    .optional();
  const expected = 'an http or https URL without user name and password';
  metas.add(schema, { ...key, expected, text: true, defaultText, secret: true });
  return schema;
}

export function texts(key: KeyTexts) {
  const schema = z.array(z.string().min(1)).default([]);
  metas.add(schema, { ...key, expected: 'a list of texts', text: false });
  return schema;
}

/** A list of objects whose default is not a constant; `defaultText` describes it, `expected` describes an item. */
export function optionalList<T extends z.core.$ZodLooseShape>(
  defaultText: string,
  item: T,
  expected: string,
  key: KeyTexts,
) {
  const schema = z.array(z.strictObject(item)).max(100).optional();
  metas.add(schema, { ...key, expected: `a list of ${expected}`, text: false, defaultText });
  return schema;
}

export function choice<const T extends readonly [string, ...string[]]>(
  fallback: T[number],
  values: T,
  key: KeyTexts,
) {
  const schema = z.enum(values).default(() => fallback);
  metas.add(schema, { ...key, expected: `one of ${values.join(', ')}`, text: true });
  return schema;
}

/** A list of sections; `isValid` checks what the items are together. */
export function items<T extends z.ZodType>(
  item: T,
  isValid: (list: readonly z.output<T>[]) => boolean,
  expected: string,
  key: KeyTexts,
) {
  const schema = z.array(item).refine(isValid).default([]);
  metas.add(schema, { ...key, expected, text: false });
  return schema;
}

/** Keys that belong together. A section that is left out has its defaults; an unknown key is refused. */
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
        whenToChange: `An action with less is refused with 400: lower it to allow that.`,
      }),
      default: whole(fallback, 0, highest, {
        about: `The ${what} of an action that asks for none, in ${unit}.`,
        whenToChange: `Raise it when plain actions need more.`,
      }),
      max: whole(max, 0, highest, {
        about: `Most ${what} an action may ask for, in ${unit}.`,
        whenToChange: `A create or update that is refused with 400 "exceeds allowed threshold" needs a higher one.`,
      }),
    })
    .refine((r) => r.min <= r.default && r.default <= r.max, { message: 'min ≤ default ≤ max' })
    .prefault({} as never);
}
