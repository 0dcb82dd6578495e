import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { connect } from '../bridge/connect.js';

/** Connections at once, as many as the agent takes. */
const MAX_CONNECTIONS = 16;
/** Name of the agent's socket for the API, beside the container's own. */
const SOCKET = 'api';

/**
 * Brings the API into a container that has no network of its own to reach it: listens on loopback and passes what comes
 * to the agent, which looks what it is. Returns the address for the action's `__OW_API_HOST`.
 *
 * @param address Where the container connected to.
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

/** Beside its own socket; over TCP the same port, with the name behind the key. */
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
  // The container has yet to read the bytes that were written.
  agent.on('close', () => client.destroySoon());
  client.on('close', () => agent.destroy());
  client.pipe(agent);
  agent.pipe(client);
}
