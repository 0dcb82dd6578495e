import { createRequire } from 'node:module';

/** Access to V8 without `node:v8`, which loads fifty modules. */
interface ProcessWithBinding {
  binding: (name: 'v8') => { setFlagsFromString: (flag: string) => void };
  noDeprecation?: boolean;
}

const NO_LIMIT = '--max-old-space-size=0';

/**
 * Resets the flag by which the driver has limited the heap of this thread (in NODE_OPTIONS). Threads of user code may then have
 * limits of their own, and Node's modules load from its code cache, which is valid for the default flags only. Nothing else
 * may be loaded before, or a start takes a seventh longer.
 */
function forgetHeapLimit(): void {
  delete process.env['NODE_OPTIONS'];
  const internals = process as unknown as ProcessWithBinding;
  const { noDeprecation } = internals;
  internals.noDeprecation = true;
  try {
    internals.binding('v8').setFlagsFromString(NO_LIMIT);
  } catch {
    // This Node does not expose the binding: load the module.
    const v8 = createRequire(import.meta.url)('node:v8') as typeof import('node:v8');
    v8.setFlagsFromString(NO_LIMIT);
  }
  if (noDeprecation === undefined) delete internals.noDeprecation;
  else internals.noDeprecation = noDeprecation;
}

if (process.env['__DF_SOCKET'] !== undefined) forgetHeapLimit();
