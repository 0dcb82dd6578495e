import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { ensureImage } from '@dataflower/action-runtime/images';
import { dockerOptions } from '@dataflower/services';

/** Configuration of a platform with Docker containers, which run the runtime that is compiled here. */
export async function dockerEnvironment(dockerHost: string): Promise<Record<string, string>> {
  // By id, since another checkout may use the name for its own image.
  const { id } = await ensureImage(new Docker(dockerOptions(dockerHost)));
  return {
    DATAFLOWER_CONTAINERS_DRIVER: 'docker',
    DATAFLOWER_CONTAINERS_DOCKER_HOST: dockerHost,
    DATAFLOWER_CONTAINERS_IMAGE: id,
  };
}

/**
 * Builds the image of an OpenWhisk runtime, which knows only `/init` and `/run`: this project's image without the label that
 * identifies it, so that no registry is needed. `own`: the name of this project's image.
 */
export async function makeOpenWhiskRuntimeImage(
  address: string,
): Promise<{ name: string; own: string; remove(): Promise<void> }> {
  const docker = new Docker(dockerOptions(address));
  const { name: own } = await ensureImage(docker);
  const name = `dataflower-test/openwhisk-runtime:t${process.pid}`;
  const context = pack();
  context.entry({ name: 'Dockerfile' }, `FROM ${own}\nLABEL dataflower.protocol=""\n`);
  context.finalize();
  const progress = await docker.buildImage(Readable.from(context as AsyncIterable<Buffer>), {
    t: name,
    rm: true,
    forcerm: true,
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
  return {
    name,
    own,
    remove: () =>
      docker
        .getImage(name)
        .remove({ force: true })
        .then(() => undefined),
  };
}
