import { CodedError } from '@dataflower/common';

/** Everything that is wrong with a configuration, one line each: path, expected and found value. */
export class ConfigError extends CodedError<'CONFIG_INVALID'> {
  static readonly codes = ['CONFIG_INVALID'] as const;
  readonly problems: readonly string[];

  /** `file`: the file that it was read from, if any. */
  constructor(problems: readonly string[], file?: string) {
    const where = file === undefined ? '' : ` in ${file}`;
    const lines = problems.map((problem) => `  ${problem}`).join('\n');
    super('ConfigError', 'CONFIG_INVALID', false, `The configuration${where} is not valid:\n${lines}`);
    this.problems = problems;
  }
}

/** A value in an error message. */
export function found(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The kind of a value that is not shown: it may be a secret, or hold one. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  const kinds: Readonly<Record<string, string>> = { string: 'a text', number: 'a number', boolean: 'true or false' };
  return kinds[typeof value] ?? 'keys and values';
}
