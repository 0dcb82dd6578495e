import Docker from 'dockerode';
import { ensureImage } from '@dataflower/action-runtime/images';
import { describeWithService, dockerOptions } from '@dataflower/services';
import type { ContainerDriver } from '../driver.js';
import { containerDriverContract } from '../../testing/driver-contract.js';
import { openDockerDriver } from './index.js';

describeWithService('docker', 'the Docker driver', ({ address }) => {
  describe.each(['socket', 'tcp'] as const)('over %s', (transport) => {
    let driver: ContainerDriver & { close(): Promise<void> };
    beforeAll(async () => {
      const { id } = await ensureImage(new Docker(dockerOptions(address)));
      driver = await openDockerDriver({
        dockerHost: address,
        images: { default: id },
        network: { mode: 'none', refused: [], dns: undefined },
        transport,
      });
    });
    afterAll(() => driver.close());

    containerDriverContract(() => driver);
  });
});
