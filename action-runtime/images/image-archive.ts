import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { NODE_PATH, USER, baseFiles } from './base-files.js';
import { CONTENT_LABEL, type ImageIdentity, imageLabels, imageTags } from './image-identity.js';
import { type Layer, makeLayer } from './layer.js';
import { RUNTIME_ENTRY, runtimeFiles } from './runtime-files.js';

/** An image that an engine can load. */
export interface BuiltImage {
  /** Names with tags. */
  readonly tags: readonly string[];
  /** Digest of its contents: images with the same digest are the same. */
  readonly content: string;
  /** sha256 of its configuration, the image's id on engines that store layers (`sha256:…`). */
  readonly id: string;
  /** The archive for `docker load`. */
  readonly archive: () => Readable;
}

/** Engines name architectures as Go does. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  s390x: 's390x',
  ppc64: 'ppc64le',
};

/** Architecture of this machine, by the engine's name. */
export function ownArchitecture(): string {
  return ARCHITECTURES[process.arch] ?? process.arch;
}

/** Makes the image of this machine's Node and the compiled runtime. Writes no file. */
export async function buildImage(identity: ImageIdentity): Promise<BuiltImage> {
  // Node changes seldom and is large, the runtime changes often and is small.
  const layers = [await makeLayer(baseFiles()), await makeLayer(runtimeFiles())];
  const unnamed = configuration(identity, layers, {});
  const content = sha256(unnamed);
  const config = configuration(identity, layers, { [CONTENT_LABEL]: content });
  const tags = imageTags(identity);
  return { tags, content, id: `sha256:${sha256(config)}`, archive: () => archiveOf(config, layers, tags) };
}

function configuration(identity: ImageIdentity, layers: readonly Layer[], labels: Record<string, string>): string {
  const { created, node } = identity;
  const made = [`Node.js ${node} and its libraries`, 'The runtime'];
  return JSON.stringify({
    architecture: ownArchitecture(),
    config: {
      User: `${USER.id}:${USER.id}`,
      ExposedPorts: { '8080/tcp': {} },
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'HOME=/tmp', `NODE_VERSION=${node}`],
      Cmd: [NODE_PATH, RUNTIME_ENTRY],
      WorkingDir: '/tmp',
      Labels: { ...imageLabels(identity), ...labels },
      // The first process of a container ignores signals without a handler, and has nothing to save.
      StopSignal: 'SIGKILL',
    },
    created,
    history: made.map((what) => ({ created, created_by: what })),
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
  });
}

/** The format of `docker save`. */
function archiveOf(config: string, layers: readonly Layer[], tags: readonly string[]): Readable {
  const archive = pack();
  const name = `${sha256(config)}.json`;
  const manifest = [{ Config: name, RepoTags: tags, Layers: layers.map(({ digest }) => `${digest}/layer.tar`) }];
  const write = async (): Promise<void> => {
    for (const { digest, size, tar } of layers) {
      const entry = archive.entry({ name: `${digest}/layer.tar`, size, mtime: new Date(0) });
      for await (const chunk of tar())
        if (!entry.write(chunk)) await new Promise<void>((resolve) => entry.once('drain', () => resolve()));
      entry.end(null);
    }
    archive.entry({ name, mtime: new Date(0) }, config);
    archive.entry({ name: 'manifest.json', mtime: new Date(0) }, JSON.stringify(manifest));
    archive.finalize();
  };
  void write().catch((error: unknown) => archive.destroy(error as Error));
  return Readable.from(archive);
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
