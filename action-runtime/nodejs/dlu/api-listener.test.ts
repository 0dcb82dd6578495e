import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenForApi } from './api-listener.js';

/** More than the buffers of two connections hold, and a little in the last read. */
const BYTES = 32 * 1024 * 1024 + 1000;

describe("the API's listener in a container", () => {
  let directory: string;
  let agent: Server;
  let client: Socket | undefined;
  let onConnection: (socket: Socket) => void;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'dfa-'));
    agent = createServer((socket) => onConnection(socket));
    agent.listen(join(directory, 'api'));
    await once(agent, 'listening');
  });
  afterEach(async () => {
    client?.destroy();
    agent.close();
    await once(agent, 'close');
    rmSync(directory, { recursive: true });
  });

  async function open(): Promise<Socket> {
    const { port } = new URL(await listenForApi(join(directory, 's')));
    client = connect(Number(port), '127.0.0.1');
    client.on('error', () => undefined);
    await once(client, 'connect');
    return client;
  }

  it('gives all of an answer to a client that reads slowly, when the agent has closed its connection', async () => {
    let left = (): number => 0;
    onConnection = (socket) => {
      socket.on('error', () => undefined).end(Buffer.alloc(BYTES));
      left = () => socket.writableLength;
    };
    const socket = await open();
    // Until all that is between them is full.
    for (let turns = 0, before = -1; turns < 1000; turns = left() === before ? turns + 1 : 0) {
      before = left();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(left()).toBeGreaterThan(0);
    let bytes = 0;
    socket.on('data', (part: Buffer) => {
      bytes += part.length;
      socket.pause();
      setImmediate(() => setImmediate(() => socket.resume()));
    });
    await once(socket, 'close');
    expect(bytes).toBe(BYTES);
  });

  it('closes the connection of a client whose agent is not there', async () => {
    agent.close();
    const socket = await open();
    await once(socket, 'close');
    agent.listen(join(directory, 'api'));
    await once(agent, 'listening');
  });
});
