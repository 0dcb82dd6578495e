import { runtimeEntry } from '@dataflower/action-runtime/nodejs';
import { defaultDriver } from '../pool/container-executor.js';
import { ProcessDriver } from '../drivers/process/process-driver.js';
import { directWritesContract } from '../testing/direct-writes-contract.js';

describe('direct writes of child processes', () => directWritesContract(defaultDriver));

// Only root can give them users of their own.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
asRoot('direct writes of child processes with users of their own', () =>
  directWritesContract(() => new ProcessDriver({ entry: runtimeEntry, ownUsers: true })),
);
