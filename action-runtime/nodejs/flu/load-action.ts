import { MissingCodeError } from '../bridge/init-failure.js';
import type { FluConfig } from '../bridge/messages.js';
import { loadInline } from './inline-code.js';
import { loadDirectory } from './module-directory.js';

/** The action's function. */
export type ActionMain = (params: unknown, context?: unknown) => unknown;

/** The members of a configuration that `loadAction` uses. */
export type LoadConfig = Pick<FluConfig, 'code' | 'privateDirectory'> & {
  readonly init: Pick<FluConfig['init'], 'kind' | 'main'>;
};

/** Loads the action's function as OpenWhisk's Node runtime does. Throws the errors of the code, and OpenWhisk's texts. */
export async function loadAction({ init, code, privateDirectory }: LoadConfig): Promise<ActionMain | undefined> {
  if (init.kind === 'steps') return undefined;
  if (code.form === 'none') throw new MissingCodeError();
  if (code.form === 'directory') process.chdir(code.path);
  const found =
    code.form === 'text'
      ? await loadInline(code.text, init.main, privateDirectory)
      : await loadDirectory(code.path, init.main);
  // OpenWhisk's runtime throws a plain string, so that the text has no stack.
  // eslint-disable-next-line @typescript-eslint/only-throw-error
  if (typeof found !== 'function') throw `Action entrypoint '${init.main}' is not a function.`;
  return found as ActionMain;
}
