import { Readable } from 'node:stream';
import { ensureImage } from '@dataflower/action-runtime/images';
import { dockerOptions } from '@dataflower/services';
import Docker from 'dockerode';
import { pack } from 'tar-stream';

/**
 * An image as other people make them, with OpenWhisk's `/init` and `/run` alone: ours without the label by which it is
 * known, so that no registry is asked. Returns its name; `remove` takes it away.
 */
export async function makeForeignImage(
  address: string,
): Promise<{ name: string; own: string; remove(): Promise<void> }> {
  const docker = new Docker(dockerOptions(address));
  const { name: own } = await ensureImage(docker);
  const name = `dataflower-test/foreign:t${process.pid}`;
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
