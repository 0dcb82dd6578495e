/** Configuration of a platform whose containers are Docker's. */
export function dockerEnvironment(dockerHost: string): Record<string, string> {
  return {
    DATAFLOWER_CONTAINERS_DRIVER: 'docker',
    DATAFLOWER_CONTAINERS_DOCKER_HOST: dockerHost,
    DATAFLOWER_CONTAINERS_IMAGE: process.env['DF_IMAGE'] ?? 'dataflower/action-nodejs',
  };
}
