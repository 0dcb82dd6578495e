import { readText } from '@dataflower/composer/files';
import { isJson, membersOf, objectOf } from './json-text.js';
import { CommandError, USAGE_ERROR } from './outcome.js';

/** A command line without the parameters of an invocation, and these as the text of a JSON object. */
export interface SplitArguments {
  readonly rest: string[];
  readonly parameters: string;
}

/**
 * Takes `-p NAME VALUE` and `-P FILE` out of a command line, wherever they stand, as `wsk` does: what follows them is never
 * an option. A value that is JSON goes out as it is written; any other is a text, and so is one with a number that no
 * double can hold. Of two parameters with one name the later counts. Throws `CommandError`.
 */
export function takeParameters(args: readonly string[]): SplitArguments {
  const members = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const option = args[at]!;
    if (option === '-p' || option === '--param') {
      const [name, value] = [args[++at], args[++at]];
      if (name === undefined || value === undefined)
        throw new CommandError(`${option} takes a name and a value.`, USAGE_ERROR);
      members.set(name, isJson(value) ? value : JSON.stringify(value));
    } else if (option === '-P' || option === '--param-file') {
      const file = args[++at];
      if (file === undefined) throw new CommandError(`${option} takes the name of a file.`, USAGE_ERROR);
      for (const [name, value] of membersOf(readObject(file))) members.set(name, value);
    } else rest.push(option);
  }
  return { rest, parameters: objectOf(members) };
}

/** The text of a file that holds a JSON object. */
function readObject(file: string): string {
  const text = readText(file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CommandError(`${file} is not JSON: ${(cause as Error).message}`, USAGE_ERROR, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return text;
  throw new CommandError(`${file} holds no JSON object: parameters are written {"NAME": VALUE}.`, USAGE_ERROR);
}
