import Docker from 'dockerode';
import { ensureImage } from '@dataflower/action-runtime/images';
import { describeWithService, dockerOptions } from '@dataflower/services';
import type { ContainerDriver } from '../driver.js';
import { directWritesContract } from '../../testing/direct-writes-contract.js';
import { openDockerDriver } from './index.js';

describeWithService('docker', 'direct writes of containers in Docker', ({ address }) => {
  let image: string;
  let driver: ContainerDriver;
  beforeAll(async () => {
    image = (await ensureImage(new Docker(dockerOptions(address)))).id;
  });
  beforeEach(async () => {
    driver = await openDockerDriver({ dockerHost: address, images: { default: image } });
  });

  directWritesContract(() => driver);
});
