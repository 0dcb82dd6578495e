import { createRequire } from 'node:module';
import { runInNewContext } from 'node:vm';

/**
 * Gives user code the global function `gc`, which OpenWhisk's runtime has by `node --expose-gc`. It is made when it is
 * asked for: the flag would cost every start V8's snapshot, and the function takes a context of its own.
 */
export function offerCollection(): void {
  const define = (value: unknown): void => {
    Object.defineProperty(globalThis, 'gc', { value, configurable: true, writable: true });
  };
  Object.defineProperty(globalThis, 'gc', {
    configurable: true,
    get: () => {
      // Only who needs it loads it: a cold start pays for every module.
      const v8 = createRequire(import.meta.url)('node:v8') as typeof import('node:v8');
      v8.setFlagsFromString('--expose-gc');
      define(runInNewContext('gc'));
      return globalThis.gc;
    },
    set: define,
  });
}
