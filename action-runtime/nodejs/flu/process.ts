import type { FluConfig } from '../bridge/messages.js';
import { ProcessTransport } from './process-transport.js';
import { startFlu } from './start.js';

/** The FLU's process: its configuration is the first message, with what of its environment is too long to start with. */
process.once('message', ({ config, env }: { config: FluConfig; env: NodeJS.ProcessEnv }) => {
  Object.assign(process.env, env);
  void startFlu(config, new ProcessTransport(), Promise.resolve(false));
});
// Without its DLU there is nothing to run for.
process.on('disconnect', () => process.exit(0));
