import { readText } from '@dataflower/composer/files';
import { isJson, membersOf, objectOf } from './json-text.js';
import { CommandError } from './outcome.js';

/** A command line without its parameters of an invocation, and these as the text of a JSON object. */
export interface SplitArguments {
  readonly rest: string[];
  readonly parameters: string;
}

/**
 * Removes `-p NAME VALUE` and `-P FILE` from a command line, at any position, as `wsk` does: their values are never options.
 * A value that is JSON is sent unchanged. Any other value is sent as a text, also JSON with a number beyond a double. The
 * last of several parameters with one name counts. Throws `CommandError`.
 */
export function takeParameters(args: readonly string[]): SplitArguments {
  const members = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const option = args[at]!;
    if (option === '-p' || option === '--param') {
      const [name, value] = [args[++at], args[++at]];
      if (name === undefined || value === undefined)
        throw new CommandError(`${option} takes a name and a value.`, 'COMMAND_USAGE');
      members.set(name, isJson(value) ? value : JSON.stringify(value));
    } else if (option === '-P' || option === '--param-file') {
      const file = args[++at];
      if (file === undefined) throw new CommandError(`${option} takes the name of a file.`, 'COMMAND_USAGE');
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
    throw new CommandError(`${file} is not JSON: ${(cause as Error).message}`, 'COMMAND_USAGE', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return text;
  throw new CommandError(`${file} holds no JSON object: parameters are written {"NAME": VALUE}.`, 'COMMAND_USAGE');
}
