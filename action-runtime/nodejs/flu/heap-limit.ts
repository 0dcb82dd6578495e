import { createRequire } from 'node:module';

/** Node's own door to V8, behind `node:v8`, which loads fifty modules first. */
interface Inner {
  binding: (name: 'v8') => { setFlagsFromString: (flag: string) => void };
  noDeprecation?: boolean;
}

const NO_LIMIT = '--max-old-space-size=0';

/**
 * Forgets the flag by which the driver has bounded the heap of this thread (in NODE_OPTIONS), as if it had not been given.
 * Threads that user code starts may have limits of their own, and Node's modules load from its code cache, which holds for
 * its own flags alone: so nothing else is to be loaded before, or a start takes a seventh longer.
 */
function forgetHeapLimit(): void {
  delete process.env['NODE_OPTIONS'];
  const inner = process as unknown as Inner;
  const { noDeprecation } = inner;
  inner.noDeprecation = true;
  try {
    inner.binding('v8').setFlagsFromString(NO_LIMIT);
  } catch {
    // Without that door, by the slow way.
    const v8 = createRequire(import.meta.url)('node:v8') as typeof import('node:v8');
    v8.setFlagsFromString(NO_LIMIT);
  }
  if (noDeprecation === undefined) delete inner.noDeprecation;
  else inner.noDeprecation = noDeprecation;
}

if (process.env['__DF_SOCKET'] !== undefined) forgetHeapLimit();
