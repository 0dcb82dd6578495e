import { describeWithService } from '@dataflower/services';
import type { ContainerDriver } from '../driver.js';
import { containerDriverContract } from '../testing/driver-contract.js';
import { openDockerDriver } from './index.js';

describeWithService('docker', 'the Docker driver', ({ address }) => {
  describe.each(['socket', 'tcp'] as const)('over %s', (transport) => {
    let driver: ContainerDriver & { close(): Promise<void> };
    beforeAll(async () => {
      driver = await openDockerDriver({
        dockerHost: address,
        images: { default: process.env['DF_IMAGE'] ?? 'dataflower/action-nodejs' },
        network: { mode: 'none', refused: [], dns: undefined },
        transport,
      });
    });
    afterAll(() => driver.close());

    containerDriverContract(() => driver);
  });
});
