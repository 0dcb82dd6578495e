import { createRequire } from 'node:module';
import { runInNewContext } from 'node:vm';

/**
 * Defines the global function `gc`, which OpenWhisk's runtime has by `node --expose-gc`. It is created on first use: with the
 * flag, no start could use V8's snapshot, and creating the function takes a context of its own.
 */
export function exposeGc(): void {
  const define = (value: unknown): void => {
    Object.defineProperty(globalThis, 'gc', { value, configurable: true, writable: true });
  };
  Object.defineProperty(globalThis, 'gc', {
    configurable: true,
    get: () => {
      // Loaded only when it is needed: a cold start pays for every module.
      const v8 = createRequire(import.meta.url)('node:v8') as typeof import('node:v8');
      v8.setFlagsFromString('--expose-gc');
      define(runInNewContext('gc'));
      return globalThis.gc;
    },
    set: define,
  });
}
