import Docker from 'dockerode';
import { ensureImage } from '@dataflower/action-runtime/images';
import { describeWithService, dockerOptions } from '@dataflower/services';
import type { ContainerDriver } from '../driver.js';
import { pastConsoleContract } from '../../testing/past-console-contract.js';
import { openDockerDriver } from './index.js';

describeWithService('docker', 'output past the console of containers in Docker', ({ address }) => {
  let image: string;
  let driver: ContainerDriver;
  beforeAll(async () => {
    image = (await ensureImage(new Docker(dockerOptions(address)))).id;
  });
  beforeEach(async () => {
    driver = await openDockerDriver({ dockerHost: address, images: { default: image } });
  });

  pastConsoleContract(() => driver);
});
