import { type OnReadOpts, type Socket, connect as connectTo } from 'node:net';

/**
 * Connects to the agent: `tcp:host:port`, or the path of a unix socket. For a port that containers share
 * (`tcp:key@host:port`) the key is sent as the first line. With `onread`, data is read into its buffer and passed to its
 * callback only. Rejects when the connection fails.
 */
export function connect(address: string, onread?: OnReadOpts): Promise<Socket> {
  const tcp = /^tcp:(?:(.+)@)?(.+):(\d+)$/.exec(address);
  const where =
    tcp === null ? { path: address } : { port: Number(tcp[3]), host: tcp[2]!.replace(/^\[|\]$/g, ''), noDelay: true };
  const socket = connectTo(onread === undefined ? where : { ...where, onread });
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      if (tcp?.[1] !== undefined) socket.write(`${tcp[1]}\n`);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** The descriptor of a connected socket, on which the FLU's thread writes too; -1 where Node has none. */
export function descriptorOf(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { fd?: number } })._handle;
  return handle?.fd ?? -1;
}
