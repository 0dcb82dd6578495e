import { mkdtempSync, rmSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { TestClock, until } from '@dataflower/common/testing';
import { TcpGate } from './tcp-gate.js';

describe('the TCP gate', () => {
  const clock = new TestClock();
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dfg-'));
  const socketPath = path.join(directory, 's');
  const came: string[] = [];
  const inner = createServer((socket) =>
    socket.on('data', (bytes) => came.push(bytes.toString())).on('error', () => {}),
  );
  let gate: TcpGate;
  let port: number;
  beforeAll(async () => {
    await new Promise<void>((resolve) => inner.listen(socketPath, resolve));
    gate = new TcpGate(clock);
    port = await gate.listen('127.0.0.1');
  });
  afterAll(async () => {
    gate.close();
    await new Promise((resolve) => inner.close(resolve));
    rmSync(directory, { recursive: true });
  });

  /** The key in the address that the container of the socket is given. */
  async function admitted(): Promise<string> {
    const address = await gate.addressFor(socketPath);
    expect(address).toMatch(new RegExp(`^tcp:[0-9a-f]{32}@127\\.0\\.0\\.1:${port}$`));
    return address.slice(4, 36);
  }

  /** Says this; resolves to true when it is let in, to false when it is shown out. */
  async function say(...texts: string[]): Promise<boolean> {
    const before = came.length;
    const socket: Socket = connect(port, '127.0.0.1');
    let closed = false;
    socket.on('close', () => (closed = true)).on('error', () => undefined);
    for (const text of texts) socket.write(text);
    await until(() => closed || came.length > before);
    socket.destroy();
    return !closed;
  }

  it('passes on who says a key, with what was said behind it', async () => {
    const key = await admitted();
    expect(await say(`${key}\nhello`)).toBe(true);
    expect(came.at(-1)).toBe('hello');
    expect(await say(key.slice(0, 10), `${key.slice(10)}\n`, 'bytes')).toBe(true);
    gate.dismiss(socketPath);
    expect(await say(`${key}\nhello`)).toBe(false);
  });

  it.each(['GET / HTTP/1.1\r\n\r\n', `${'0'.repeat(32)}\n`, '\n', 'x'.repeat(100_000)])(
    'closes who says %j',
    async (text) => {
      expect(await say(text)).toBe(false);
    },
  );

  it('closes who says nothing in time, and of too many who say nothing the first', async () => {
    const silent = Array.from({ length: 256 }, () => connect(port, '127.0.0.1'));
    const closed = new Set<Socket>();
    for (const socket of silent) socket.on('close', () => closed.add(socket)).on('error', () => undefined);
    await until(() => clock.timers === 256);
    // A container that occupies all places locks out no connection with a key.
    const key = await admitted();
    expect(await say(`${key}\nhello`)).toBe(true);
    await until(() => closed.size > 0 && clock.timers === 255);
    expect(closed.size).toBe(1);
    clock.advance(5000);
    await until(() => closed.size === 256);
    expect(await say(`${key}\nagain`)).toBe(true);
  });
});
