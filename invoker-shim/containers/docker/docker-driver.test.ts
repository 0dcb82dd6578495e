import { containerDriverContract } from '../testing/driver-contract.js';
import type { ContainerDriver } from '../driver.js';
import { openDockerDriver } from './index.js';

describe('the Docker driver', () => {
  let driver: ContainerDriver & { close(): Promise<void> };
  beforeAll(async () => {
    driver = await openDockerDriver({ images: { default: process.env['DF_IMAGE'] ?? 'dataflower/action-nodejs:h2' } });
  });
  afterAll(() => driver.close());

  containerDriverContract(() => driver);
});
