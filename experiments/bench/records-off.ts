import type { RecordStore } from '@dataflower/common/records';
import { createAgent, createStandalone } from '@dataflower/dataflower/assembly';
import { loadConfig } from '@dataflower/dataflower/config';

// The platform with records that are kept nowhere: the baseline of `records`. Its argument is the data directory.

const nowhere: RecordStore = {
  full: false,
  notes: { put: () => undefined, settle: () => undefined, has: () => false, open: () => [] },
  append: () => undefined,
  written: (callback) => queueMicrotask(callback),
  get: () => Promise.resolve(undefined),
  list: () => Promise.resolve([]),
  count: () => Promise.resolve(0),
  close: () => Promise.resolve(),
};

const config = loadConfig({ overrides: { dataDir: process.argv[2]!, server: { port: 0 } } });
const platform = await createStandalone(config, () =>
  Promise.resolve({ host: createAgent(config, { records: nowhere }), records: nowhere }),
);
process.once('SIGTERM', () => void platform.close(0).then(() => process.exit(0)));
process.send!({ url: platform.url, authorization: platform.authorization });
