import { mkdtempSync, readdirSync, rmSync, writeFileSync, cpSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureImage } from '@dataflower/action-runtime/images';
import { dockerOptions } from '@dataflower/services';
import Docker from 'dockerode';

/** Contents of a test's image. */
export interface ImagePlan {
  /** Lines of a Dockerfile after `FROM`. */
  readonly lines: readonly string[];
  /** Texts by file name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Builds images without this project's label on an engine. `remove` removes them. */
export class DockerImages {
  readonly #docker: Docker;
  readonly #made: string[] = [];
  readonly #tag = `t${process.pid}`;
  #own: string | undefined;

  constructor(address: string) {
    this.#docker = new Docker(dockerOptions(address));
  }

  /** This project's own image, on which the others are built, so that no registry is needed. */
  async own(): Promise<string> {
    return (this.#own ??= (await ensureImage(this.#docker)).name);
  }

  /** Builds one; returns its name. The test's programs can be copied by their file names. */
  async build(name: string, { lines, files = {} }: ImagePlan): Promise<string> {
    const context = mkdtempSync(path.join(os.tmpdir(), 'dfi-'));
    try {
      for (const program of ['odd-image.js', 'native-image.js'])
        cpSync(fileURLToPath(new URL(program, import.meta.url)), path.join(context, program));
      for (const [file, text] of Object.entries(files)) writeFileSync(path.join(context, file), text, { mode: 0o755 });
      writeFileSync(path.join(context, 'package.json'), '{"type":"module"}');
      writeFileSync(
        path.join(context, 'Dockerfile'),
        [`FROM ${await this.own()}`, 'LABEL dataflower.protocol=""', 'COPY package.json /srv/', ...lines].join('\n'),
      );
      const tag = `dataflower-test/${name}:${this.#tag}`;
      const progress = await this.#docker.buildImage(
        { context, src: readdirSync(context) },
        { t: tag, rm: true, forcerm: true },
      );
      const said = await new Promise<{ error?: string }[]>((resolve, reject) => {
        this.#docker.modem.followProgress(progress, (error, output: { error?: string }[]) =>
          error === null ? resolve(output) : reject(error),
        );
      });
      const problem = said.find(({ error }) => error !== undefined)?.error;
      if (problem !== undefined) throw new Error(`the image ${name} cannot be built: ${problem}`);
      this.#made.push(tag);
      return tag;
    } finally {
      rmSync(context, { recursive: true });
    }
  }

  /** Makes another image with a volume that a build would refuse. Returns its name. */
  async withVolume(image: string, volume: string): Promise<string> {
    const container = await this.#docker.createContainer({ Image: image, NetworkDisabled: true });
    const tag = `volume-${this.#made.length}-${this.#tag}`;
    await container.commit({ repo: 'dataflower-test/volume', tag, changes: `VOLUME ["${volume}"]` });
    await container.remove();
    this.#made.push(`dataflower-test/volume:${tag}`);
    return `dataflower-test/volume:${tag}`;
  }

  async remove(): Promise<void> {
    for (const tag of this.#made.splice(0)) await this.#docker.getImage(tag).remove({ force: true });
  }
}
