import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A registry on loopback with one image, `tiny`, of one file and without a program. Engines accept it without TLS. */
export class Registry {
  /** Requested paths. */
  readonly asked: string[] = [];
  /** Awaited before the image's file is sent; set it to delay a pull. */
  gate: Promise<void> = Promise.resolve();
  readonly #server: Server;
  readonly #blobs: readonly Blob[];
  readonly #manifest: Blob;

  private constructor(layer: Buffer, tar: Buffer) {
    const config = blobOf(
      Buffer.from(
        JSON.stringify({
          architecture: process.arch === 'x64' ? 'amd64' : process.arch,
          os: 'linux',
          config: { Cmd: ['/nothing'] },
          rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
        }),
      ),
    );
    const file = blobOf(layer);
    this.#blobs = [config, file];
    const describe = ({ digest, bytes }: Blob, mediaType: string) => ({ mediaType, size: bytes.length, digest });
    this.#manifest = blobOf(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MANIFEST,
          config: describe(config, 'application/vnd.docker.container.image.v1+json'),
          layers: [describe(file, 'application/vnd.docker.image.rootfs.diff.tar.gzip')],
        }),
      ),
    );
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<Registry> {
    // An engine does not request a layer that it has: each registry has a file of its own.
    const tar = tarOf('file', `of ${process.pid} ${process.hrtime.bigint()}`);
    const registry = new Registry(gzipSync(tar), tar);
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  /** Name of an image in this registry. */
  name(image: string): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}/${image}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer({ url = '', method }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(url);
    const send = ({ digest, bytes }: Blob, type: string): void => {
      response.writeHead(200, {
        'Content-Type': type,
        'Content-Length': bytes.length,
        'Docker-Content-Digest': digest,
      });
      response.end(method === 'HEAD' ? undefined : bytes);
    };
    const blob = this.#blobs.find(({ digest }) => url === `/v2/tiny/blobs/${digest}`);
    if (url === '/v2/') response.writeHead(200, { 'Docker-Distribution-Api-Version': 'registry/2.0' }).end();
    else if (url.startsWith('/v2/tiny/manifests/')) send(this.#manifest, MANIFEST);
    else if (blob === undefined) response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    else {
      if (blob === this.#blobs[1]) await this.gate;
      send(blob, 'application/octet-stream');
    }
  }
}

function blobOf(bytes: Buffer): Blob {
  return { digest: digestOf(bytes), bytes };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** An archive of one short file, in the format of POSIX. */
function tarOf(name: string, text: string): Buffer {
  const tar = Buffer.alloc(512 + 512 + 1024);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  tar.write(name, 0);
  tar.write(`${octal(0o644, 7)}${octal(0, 7)}${octal(0, 7)}${octal(text.length, 11)}${octal(0, 11)}        0`, 100);
  tar.write('ustar\x0000', 257);
  let sum = 0;
  for (const byte of tar.subarray(0, 512)) sum += byte;
  tar.write(`${octal(sum, 6)} `, 148);
  tar.write(text, 512);
  return tar;
}
