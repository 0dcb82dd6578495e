import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PROTOCOL_VERSION } from '../protocol/index.js';

/** Name of the image, without a tag. */
export const IMAGE_NAME = 'dataflower/action-nodejs';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));

/** Which version of the product an image has, and of what it was made. */
export interface ImageIdentity {
  /** Of the product, from its package. */
  readonly version: string;
  /** The commit, with `-dirty` when the files differ from it; `unknown` outside a repository. */
  readonly revision: string;
  /** When the commit was made, in ISO 8601; 1970 outside a repository. */
  readonly created: string;
  /** Of the Node in it, such as `20.20.2`. */
  readonly node: string;
}

/** That of an image made of the present files. */
export function imageIdentity(): ImageIdentity {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  // A copy without its history may lie in somebody else's repository.
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

/** The image's names: one for OpenWhisk's kind (`20` for `nodejs:20`), one for the version, and the usual one. */
export function imageTags({ version, node }: ImageIdentity): string[] {
  return [node.split('.')[0]!, version, 'latest'].map((tag) => `${IMAGE_NAME}:${tag}`);
}

/** Label of what an image is made of: an image that has the same one need not be made again. */
export const CONTENT_LABEL = 'dataflower.content';

/** Label by which a driver knows that an image has the runtime, and which frames it speaks. */
export const PROTOCOL_LABEL = 'dataflower.protocol';

/** Labels by which the image identifies itself. */
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
