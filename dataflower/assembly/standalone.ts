import { Health } from '@dataflower/common/health';
import type { Config } from '../config/index.js';
import { prepareDataDirectory } from './process/data-directory.js';
import { checkWellKnownKey, type Gateway, openGateway } from './gateway/gateway.js';
import { opening } from './process/opening.js';
import { createLogger } from './process/log.js';
import { openParts, type OpenParts } from './host/parts.js';
import { openStores } from './gateway/stores.js';

/** A running platform. */
export interface Standalone extends Gateway {
  /** A line for the operator: how functions are isolated. */
  readonly notice: string | undefined;
}

/** The whole platform in one process. Throws `StartError` when it cannot start. */
export async function createStandalone(config: Config, open: OpenParts = openParts): Promise<Standalone> {
  checkWellKnownKey(config);
  await prepareDataDirectory(config.dataDir);
  const log = createLogger(config.logLevel, 'standalone');
  const health = new Health({ onError: (check, err) => log.error({ check, err }, 'a health check failed') });
  const component = 'standalone';
  return opening(log, async (stack) => {
    const stores = stack.use(await openStores(config, log), (opened) => opened.close());
    const { host, records, metrics, notice, tracing } = await open(config, log, health);
    stack.use(records, (opened) => opened.close());
    stack.use(tracing, (opened) => opened?.close());
    stack.use(host, (opened, drainMs) => opened.close(drainMs));
    const parts = { component, stores, host, records, metrics, log, health, tracing } as const;
    return { ...(await openGateway(config, parts, stack)), notice };
  });
}
