import { z } from 'zod';
import { items, optionalText, secret, section } from './keys.js';

const HOST_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/;

const address = z.string().refine((text) => {
  const port = Number(ADDRESS.exec(text)?.[2] ?? 0);
  return port > 0 && port < 65_536;
});

const host = z.strictObject({ id: z.string().regex(HOST_ID), address, operations: address.optional() });

/** The hosts of a cluster: `dataflower plugin` connects to all of them, `dataflower shim` is one of them. */
export const hosts = items(
  host,
  (list) => new Set(list.map(({ id }) => id)).size === list.length,
  'a list of {id, address} with different ids: letters, digits, "_", "." and "-"; addresses as host:port',
  {
    about:
      'The machines that run functions, each with an `id`, the `address` (`host:port`) where its shim listens for plugins, and optionally `operations`, where it serves `/health` and `/metrics` (left out: the port after that of `address`).',
    whenToChange:
      'A plugin says that a host cannot be reached: correct its address here, in the file that plugin and shim share.',
  },
);

export const cluster = section({
  secret: secret('the one in `cluster.secretFile`', {
    about:
      'Secret by which plugin and shims authenticate each other and encrypt: at least 32 characters that cannot be guessed, the same for all. Better in a file or in the environment.',
    whenToChange:
      '`dataflower plugin` or `shim` refuses to start without it: set it to what `openssl rand -hex 32` gives.',
  }),
  secretFile: optionalText('none is read', {
    about: 'File with that secret; white space at its end does not count.',
    whenToChange: 'The configuration file is read by more people than may know the secret: set it.',
  }),
});

/** Host and port of a checked address. */
export function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const [, name, port] = ADDRESS.exec(text)!;
  return { host: name!.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}
