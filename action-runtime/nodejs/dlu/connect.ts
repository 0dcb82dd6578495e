import { type Socket, connect as connectTo } from 'node:net';

/** Connects to the agent: `tcp:host:port`, or the path of a unix socket. */
export function connect(address: string): Promise<Socket> {
  const tcp = /^tcp:(.+):(\d+)$/.exec(address);
  const socket = tcp === null ? connectTo(address) : connectTo(Number(tcp[2]), tcp[1]!.replace(/^\[|\]$/g, ''));
  socket.setNoDelay(true);
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
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
