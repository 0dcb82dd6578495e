import { ensureImage } from '@dataflower/action-runtime/images';
import { dockerOptions } from '@dataflower/services';
import Docker from 'dockerode';

/** Configuration of a platform whose containers are Docker's, with the runtime that is compiled here. */
export async function dockerEnvironment(dockerHost: string): Promise<Record<string, string>> {
  // By its id: another checkout may give the name to an image of its own.
  const { id } = await ensureImage(new Docker(dockerOptions(dockerHost)));
  return {
    DATAFLOWER_CONTAINERS_DRIVER: 'docker',
    DATAFLOWER_CONTAINERS_DOCKER_HOST: dockerHost,
    DATAFLOWER_CONTAINERS_IMAGE: id,
  };
}
