import { Health } from '@dataflower/common/health';
import type { Config } from '../config/index.js';
import { prepareDataDirectory } from './shared/data-directory.js';
import { checkWellKnownKey, type Gateway, openGateway } from './gateway/gateway.js';
import { inTurn } from './in-turn.js';
import { createLogger } from './shared/log.js';
import { openParts, type OpenParts, type Parts } from './host/parts.js';
import { openStores } from './gateway/stores.js';

/** A server that runs. */
export interface Standalone extends Gateway {
  /** What of its containers the operator has to know: a line for people. */
  readonly notice: string | undefined;
}

/** The whole platform in one process. Throws `StartError` when it cannot start. */
export async function createStandalone(config: Config, open: OpenParts = openParts): Promise<Standalone> {
  checkWellKnownKey(config);
  await prepareDataDirectory(config.dataDir);
  const log = createLogger(config.logLevel, 'standalone');
  const stores = await openStores(config, log);
  const health = new Health({ onError: (check, err) => log.error({ check, err }, 'a health check failed') });
  let parts: Parts | undefined;
  try {
    parts = await open(config, log, health);
    const { host, records, metrics, notice, tracing } = parts;
    const gateway = await openGateway(config, {
      component: 'standalone',
      stores,
      host,
      records,
      metrics,
      log,
      health,
      tracing,
    });
    return { ...gateway, notice };
  } catch (error) {
    await inTurn(
      () => parts?.host.close(0),
      () => parts?.tracing?.close(),
      () => parts?.records.close(),
      () => stores.close(),
    ).catch((cause: unknown) => log.error({ err: cause }, 'a part that was started cannot be stopped'));
    throw error;
  }
}
