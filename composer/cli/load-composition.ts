import Module, { createRequire } from 'node:module';
import { resolve } from 'node:path';
import composer from '../index.js';

type Resolve = (request: string, ...rest: unknown[]) => string;
interface Loader {
  _resolveFilename: Resolve;
  readonly _cache: Record<string, NodeJS.Module>;
}

const OWN = '@dataflower/composer';
const ORIGINAL = 'openwhisk-composer';

/**
 * The export of a composition file. Inside it `require('@dataflower/composer')` gives this very package, and so does
 * `require('openwhisk-composer')` when Composer itself is not installed beside the file. Composer's rules of command
 * lines. Throws the file's own errors.
 */
export function loadComposition(file: string): unknown {
  const loader = Module as unknown as Loader;
  const original = loader._resolveFilename;
  const here = resolve(import.meta.dirname, 'composer.cjs');
  const stand = new Module(here);
  stand.filename = here;
  stand.exports = composer;
  stand.loaded = true;
  loader._cache[here] = stand;
  loader._resolveFilename = function (this: unknown, request, ...rest) {
    if (request === OWN) return here;
    try {
      return original.call(this, request, ...rest);
    } catch (error) {
      if (request === ORIGINAL) return here;
      throw error;
    }
  };
  try {
    const loaded: unknown = createRequire(import.meta.url)(resolve(file));
    return isModule(loaded) ? loaded.default : loaded;
  } finally {
    loader._resolveFilename = original;
    delete loader._cache[here];
  }
}

/** True for an ES module as `require` returns it. */
function isModule(loaded: unknown): loaded is { default: unknown } {
  return (
    typeof loaded === 'object' && loaded !== null && Object.hasOwn(loaded, Symbol.toStringTag) && 'default' in loaded
  );
}
