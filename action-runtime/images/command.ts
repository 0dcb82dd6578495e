import { parseArgs } from 'node:util';
import Docker from 'dockerode';
import { buildContext } from './build-on-base.js';
import { ensureImage } from './ensure-image.js';
import { IMAGE_NAME, imageIdentity } from './image-identity.js';
import { writeFiles } from './write-files.js';

const USAGE = `usage: npm run images -- [OPTIONS]

Has the Docker engine hold the image dataflower/action-nodejs, made from what is compiled here. On Linux it is made of
this machine's Node and its libraries, without any registry; elsewhere it is built on node:20-slim.

  --base IMAGE     build on this image, by the Dockerfile
  --files FOLDER   write what "docker build FOLDER" needs, and use no engine
  --help, --version

The engine is the one that DOCKER_HOST names, else the one on the default socket.`;

export interface Output {
  out(text: string): void;
  readonly err: { readonly isTTY?: boolean; write(text: string): unknown };
}

/** Runs the command. Exit status: 0 the image exists, 1 it could not be built, 2 a wrong command line. */
export async function runImages(args: readonly string[], output: Output): Promise<number> {
  const { err } = output;
  let options;
  try {
    options = parse(args);
  } catch (error) {
    err.write(`${(error as Error).message}\n\n${USAGE}\n`);
    return 2;
  }
  try {
    if (options.help) output.out(USAGE);
    else if (options.version) output.out(imageIdentity().version);
    else if (options.files !== undefined) {
      await writeFiles(options.files, buildContext());
      // OpenWhisk pulls an image that is named without a tag.
      output.out(`docker build --tag ${IMAGE_NAME}:20 ${options.files}`);
    } else output.out(await make(options.base, err));
    return 0;
  } catch (error) {
    err.write(`images: ${explained(error)}\n`);
    return 1;
  }
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      base: { type: 'string' },
      files: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
  });
  return values;
}

async function make(base: string | undefined, err: Output['err']): Promise<string> {
  const onProgress = (text: string): void => {
    if (err.isTTY === true) err.write(`${text} …\n`);
  };
  const { name, id, made } = await ensureImage(new Docker(), { onProgress, ...(base === undefined ? {} : { base }) });
  return `${name} ${id} ${made ? 'made' : 'was there already'}`;
}

function explained(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ECONNREFUSED') return message;
  return (
    `No Docker engine answers (${message}). Set DOCKER_HOST to where one does. "npm run services -- up docker" starts one, ` +
    'and eval "$(npm --silent run services -- status --env docker)" sets DOCKER_HOST for it.'
  );
}
