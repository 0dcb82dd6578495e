import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { DEFAULT_BASE, buildOnBase } from './build-on-base.js';
import { buildImage, ownArchitecture } from './image-archive.js';
import {
  CONTENT_LABEL,
  IMAGE_NAME,
  type ImageIdentity,
  imageIdentity,
  imageLabels,
  imageTags,
} from './image-identity.js';

export interface EnsureImageOptions {
  /** Called with the present step, for a progress display. */
  readonly onProgress?: (text: string) => void;
  /**
   * Base image, such as `node:20-slim`. Default: none when this machine's Node can run in the engine's containers, else
   * `node:20-slim`. False: never use one; rejects when it would be needed.
   */
  readonly base?: string | false;
}

/** An image on the engine. */
export interface EnsuredImage {
  /** Name with the version as its tag: this image belongs to this program, whatever the other tags refer to. */
  readonly name: string;
  /** The engine's id, `sha256:…`. */
  readonly id: string;
  /** False when it existed already. */
  readonly made: boolean;
}

/**
 * Makes sure that the engine has the image of the compiled Node runtime. Does nothing when it exists.
 * Rejects, with a remedy in the message, when it can neither be made of this machine's Node nor be built on a base.
 */
export async function ensureImage(docker: Docker, options: EnsureImageOptions = {}): Promise<EnsuredImage> {
  const { onProgress = () => undefined, base } = options;
  const identity = imageIdentity();
  const name = `${IMAGE_NAME}:${identity.version}`;
  const same = typeof base !== 'string' && (await present(docker, identity, isSameCommit(identity)));
  if (same) return { name, id: same, made: false };
  const onto = typeof base === 'string' ? base : (await runsOurPrograms(docker)) ? undefined : DEFAULT_BASE;
  if (onto !== undefined && base === false) {
    throw new Error(
      "The engine's containers cannot run this machine's Node, and the image was not to be built on another.",
    );
  }
  if (onto !== undefined) {
    onProgress(`building it on ${onto}`);
    return { name, id: await buildOnBase(docker, identity, onto, onProgress), made: true };
  }
  onProgress('collecting Node and the runtime');
  const image = await buildImage(identity);
  const there = await present(docker, identity, (labels) => labels[CONTENT_LABEL] === image.content);
  if (there !== undefined) return { name, id: there, made: false };
  onProgress('handing it to the engine');
  await load(docker, image.archive());
  const made = await present(docker, identity, (labels) => labels[CONTENT_LABEL] === image.content);
  if (made === undefined) throw new Error(`The engine accepted the image ${name} but does not list it.`);
  return { name, id: made, made: true };
}

/** Id of the image that all tags refer to, if its labels are as wanted. */
async function present(
  docker: Docker,
  identity: ImageIdentity,
  wanted: (labels: Record<string, string>) => boolean,
): Promise<string | undefined> {
  const ids = new Set<string | undefined>();
  for (const tag of imageTags(identity)) {
    const found = await docker.getImage(tag).inspect().catch(onlyMissing);
    ids.add(found !== undefined && wanted(found.Config.Labels ?? {}) ? found.Id : undefined);
  }
  return ids.size === 1 ? [...ids][0] : undefined;
}

/** Compares the labels only: unchanged files of a commit need not be hashed. */
function isSameCommit(identity: ImageIdentity): (labels: Record<string, string>) => boolean {
  const wanted = Object.entries(imageLabels(identity));
  const known = /^[0-9a-f]{40,64}$/.test(identity.revision);
  return (labels) => known && CONTENT_LABEL in labels && wanted.every(([label, value]) => labels[label] === value);
}

function onlyMissing(error: unknown): undefined {
  if ((error as { statusCode?: number }).statusCode !== 404) throw error;
  return undefined;
}

/** True when programs of this machine run in the engine's containers. */
async function runsOurPrograms(docker: Docker): Promise<boolean> {
  const { Os, Arch } = await docker.version();
  return process.platform === 'linux' && Os === 'linux' && Arch === ownArchitecture();
}

async function load(docker: Docker, archive: Readable): Promise<void> {
  const answer = await docker.loadImage(archive, { quiet: true });
  let output = '';
  for await (const line of answer) output = (output + line.toString()).slice(-4000);
  if (/"error(?:Detail)?":/.test(output)) throw new Error(`The engine refuses the image: ${output.trim()}`);
}
