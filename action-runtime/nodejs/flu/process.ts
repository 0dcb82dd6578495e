import type { FluConfig } from '../bridge/messages.js';
import { ProcessTransport } from './process-transport.js';
import { startFlu } from './start.js';

/** The FLU's process: its configuration is the first message. */
process.once('message', ({ config }: { config: FluConfig }) => {
  void startFlu(config, new ProcessTransport(), Promise.resolve(false));
});
// Without its DLU there is nothing to run for.
process.on('disconnect', () => process.exit(0));
