import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { PROTOCOL_VERSION } from '../protocol/index.js';
import { type ImageFile, textFile } from './image-file.js';
import { CONTENT_LABEL, type ImageIdentity, PROTOCOL_LABEL, imageLabels, imageTags } from './image-identity.js';
import { makeLayer } from './layer.js';
import { runtimeFiles } from './runtime-files.js';

/** An image with Node and a user 1000, from a registry. */
export const DEFAULT_BASE = 'node:20-slim';

/** The context of `docker build`: the Dockerfile, and the runtime in `files`. */
export function buildContext(): ImageFile[] {
  const written = readFileSync(fileURLToPath(new URL('../../images/Dockerfile', import.meta.url)), 'utf8');
  // A driver recognises the image by this label, also when it is built by hand.
  const dockerfile = `${written}LABEL ${PROTOCOL_LABEL}="${PROTOCOL_VERSION}"\n`;
  return [
    textFile('/Dockerfile', dockerfile),
    ...runtimeFiles().map((file) => ({ ...file, path: `/files${file.path}` })),
  ];
}

/** Builds the image on another one, which the engine pulls when it is missing. Resolves to the image's id. */
export async function buildOnBase(
  docker: Docker,
  identity: ImageIdentity,
  base: string,
  onProgress: (text: string) => void,
  tags = imageTags({ ...identity, node: nodeOf(base) ?? identity.node }),
): Promise<string> {
  const context = await makeLayer(buildContext());
  const content = `${base} ${context.digest}`;
  const answer = await docker.buildImage(Readable.from(context.tar()), {
    t: tags[0]!,
    buildargs: { BASE: base },
    labels: { ...imageLabels(identity), 'dataflower.node': nodeOf(base) ?? 'of the base', [CONTENT_LABEL]: content },
    forcerm: true,
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      answer,
      (error) => (error ? reject(failure(base, error)) : resolve()),
      ({ error, stream }: { error?: string; stream?: string }) => {
        if (error !== undefined) reject(failure(base, new Error(error)));
        const line = stream?.trim();
        if (line) onProgress(line);
      },
    );
  });
  for (const tag of tags.slice(1)) {
    const [repo, version] = tag.split(':') as [string, string];
    await docker.getImage(tags[0]!).tag({ repo, tag: version });
  }
  return (await docker.getImage(tags[0]!).inspect()).Id;
}

/** The version in a tag: `20` of `node:20-slim`. */
function nodeOf(base: string): string | undefined {
  return /(?:^|\/)node:(\d+(?:\.\d+)*)/.exec(base)?.[1];
}

function failure(base: string, cause: Error): Error {
  return new Error(
    `The image could not be built on ${base}: ${cause.message}. Where it cannot be pulled, give one that the engine has: ` +
      'npm run images -- --base IMAGE; on Linux without --base no other image is needed.',
    { cause },
  );
}
