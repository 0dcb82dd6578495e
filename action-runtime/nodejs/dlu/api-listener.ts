import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { connect } from '../bridge/connect.js';

/** Concurrent connections, as many as the agent accepts. */
const MAX_CONNECTIONS = 16;
/** Name of the agent's socket for the API, in the folder of the container's own. */
const SOCKET = 'api';

/**
 * Makes the API reachable in a container without a network: listens on loopback and forwards each connection to the agent,
 * which validates the requests. Returns the address for the action's `__OW_API_HOST`.
 *
 * @param address The address to which the container connected.
 */
export async function listenForApi(address: string): Promise<string> {
  const target = apiAddress(address);
  const server = createServer({ allowHalfOpen: true }, (client) => void pass(client, target));
  server.maxConnections = MAX_CONNECTIONS;
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The socket in the same folder; over TCP the same port, with the name after the key. */
function apiAddress(address: string): string {
  return address.startsWith('tcp:') ? address.replace('@', `/${SOCKET}@`) : join(dirname(address), SOCKET);
}

async function pass(client: Socket, target: string): Promise<void> {
  client.on('error', () => client.destroy());
  let agent: Socket;
  try {
    agent = await connect(target);
  } catch {
    client.destroy();
    return;
  }
  agent.on('error', () => client.destroy());
  // The container may not have read all bytes yet.
  agent.on('close', () => client.destroySoon());
  client.on('close', () => agent.destroy());
  client.pipe(agent);
  agent.pipe(client);
}
