import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { FrameType, encodeAmount } from '@dataflower/action-runtime/protocol';
import { Connection, WriteBatcher } from './connection.js';

const FRAMES = 1_000_000;

test('small frames without end leave everybody else their turns', async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dfn-'));
  let server!: Server;
  let frames = 0;
  let most = 0;
  const ended = new Promise<Error | undefined>((resolve) => {
    server = createServer((socket) => {
      new Connection(socket, new WriteBatcher(), {
        onFrame: () => frames++,
        onReadEnd: () => undefined,
        onEnd: resolve,
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(path.join(directory, 's'), resolve));
  let before = 0;
  let turn = setImmediate(function look() {
    most = Math.max(most, frames - before);
    before = frames;
    turn = setImmediate(look);
  });
  // From another process, which fills the socket again while it is being read.
  const frame = encodeAmount(FrameType.CREDIT, 2, 1);
  const code = `const all = Buffer.concat(Array(${FRAMES}).fill(Buffer.from('${frame.toString('hex')}', 'hex')));
    const socket = require('node:net').connect('${path.join(directory, 's')}', () => socket.end(all));`;
  const writer = spawn(process.execPath, ['-e', code], { stdio: 'inherit' });
  try {
    expect(await ended).toBeUndefined();
    expect(frames).toBe(FRAMES);
    // The bytes of one read, and those read before the socket was paused.
    expect(most).toBeLessThan(15_000);
  } finally {
    clearImmediate(turn);
    writer.kill();
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  }
});

test('a container that does not read is sent no more than a bound, however it is sent', async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dfn-'));
  let server!: Server;
  const connected = new Promise<Socket>((resolve) => (server = createServer(resolve)));
  await new Promise<void>((resolve) => server.listen(path.join(directory, 's'), resolve));
  const reader = connect(path.join(directory, 's')).pause();
  const socket = await connected;
  try {
    let ended: Error | undefined;
    const connection = new Connection(socket, new WriteBatcher(), {
      onFrame: () => undefined,
      onReadEnd: () => undefined,
      onEnd: (error) => (ended = error),
    });
    const frame = Buffer.alloc(256 * 1024);
    let most = 0;
    for (let sent = 0; ended === undefined && sent < 1000; sent++) {
      connection.sendNow(frame);
      most = Math.max(most, connection.unreadBytes);
    }
    expect(ended?.message).toBe('the container does not read what it is sent');
    expect(most).toBeLessThan(9 * 1024 * 1024);
  } finally {
    socket.destroy();
    reader.destroy();
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  }
});
