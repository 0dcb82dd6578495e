import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PROTOCOL_VERSION } from '../protocol/index.js';

/** Name of the image, without a tag. */
export const IMAGE_NAME = 'dataflower/action-nodejs';

const RUNTIME_IMAGE = new RegExp(`^(?:docker\\.io/)?${IMAGE_NAME}(?::[\\w][\\w.-]*)?(?:@[\\w+.:-]+)?$`);

/** True for a name of this image, with any tag or digest: it runs the same code as the kind `nodejs:20`. */
export function isRuntimeImage(image: string): boolean {
  return RUNTIME_IMAGE.test(image);
}

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));

/** The version of the product in an image, and the sources that it was made from. */
export interface ImageIdentity {
  /** Version of the product, from its package. */
  readonly version: string;
  /** The commit, with `-dirty` when the files differ from it; `unknown` outside a repository. */
  readonly revision: string;
  /** Time of the commit, in ISO 8601; 1970 outside a repository. */
  readonly created: string;
  /** Version of Node in the image, such as `20.20.2`. */
  readonly node: string;
}

/** Identity of an image made from the present files. */
export function imageIdentity(): ImageIdentity {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  // A copy without its history may lie in another repository.
  const ours = git('rev-parse', '--show-prefix') === '';
  const commit = ours ? git('log', '-1', '--format=%H %ct')?.split(' ') : undefined;
  const dirty =
    commit === undefined || git('status', '--porcelain', '--', 'action-runtime', 'package-lock.json') !== '';
  return {
    version,
    revision: commit === undefined ? 'unknown' : `${commit[0]!}${dirty ? '-dirty' : ''}`,
    created: new Date(Number(commit?.[1] ?? 0) * 1000).toISOString(),
    node: process.versions.node,
  };
}

/** The image's tags: one for OpenWhisk's kind (`20` for `nodejs:20`), one for the version, and `latest`. */
export function imageTags({ version, node }: ImageIdentity): string[] {
  return [node.split('.')[0]!, version, 'latest'].map((tag) => `${IMAGE_NAME}:${tag}`);
}

/** Label with the digest of an image's contents: an image with the same digest is not built again. */
export const CONTENT_LABEL = 'dataflower.content';

/** Label by which a driver recognises an image with this runtime; the value is the protocol version. */
export const PROTOCOL_LABEL = 'dataflower.protocol';

/** The labels of the image. */
export function imageLabels({ version, revision, node }: ImageIdentity): Record<string, string> {
  return {
    'dataflower.node': node,
    [PROTOCOL_LABEL]: `${PROTOCOL_VERSION}`,
    'org.opencontainers.image.description': 'Runs actions by data flow, and by /init and /run on port 8080',
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.revision': revision,
    'org.opencontainers.image.title': 'DataFlower action runtime for Node.js',
    'org.opencontainers.image.version': version,
  };
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, { cwd: REPOSITORY, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
