import { type OnReadOpts, type Socket, connect as connectTo } from 'node:net';

/**
 * Connects to the agent: `tcp:host:port`, or the path of a unix socket. Where many containers come to one port
 * (`tcp:key@host:port`), the first line says whose the connection is. With `onread` what comes is read into its buffer
 * and given to its callback alone. Rejects when nobody listens there.
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

/** The descriptor of a connected socket, on which the FLU's thread writes too; -1 where there is none. */
export function descriptorOf(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { fd?: number } })._handle;
  return handle?.fd ?? -1;
}
