import { runtimeEntry } from '@dataflower/action-runtime/nodejs';
import { defaultDriver } from '../pool/container-executor.js';
import { ProcessDriver } from '../drivers/process/process-driver.js';
import { pastConsoleContract } from '../testing/past-console-contract.js';

describe('output past the console of child processes', () => pastConsoleContract(defaultDriver));

// Only root can give them users of their own.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
asRoot('output past the console of child processes with users of their own', () =>
  pastConsoleContract(() => new ProcessDriver({ entry: runtimeEntry, ownUsers: true })),
);
