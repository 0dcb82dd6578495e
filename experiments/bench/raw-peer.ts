import { createServer, type Socket } from 'node:net';
import { FRAME_BYTES, PAGE_BYTES } from './raw-sizes.js';

/**
 * The other side of the raw baselines, a process of its own: `echo` sends every frame back with a write of its own,
 * `copy` sends a large buffer for each byte that it gets, `burn` keeps a core busy at normal priority.
 */
const [, , mode, socketPath, size] = process.argv;

function echo(socket: Socket): void {
  const frame = Buffer.alloc(FRAME_BYTES, 1);
  let pending = 0;
  socket.on('data', (chunk) => {
    for (pending += chunk.length; pending >= FRAME_BYTES; pending -= FRAME_BYTES) socket.write(frame);
  });
}

function copy(socket: Socket): void {
  const data = Buffer.alloc(Number(size), 1);
  for (let at = 0; at < data.length; at += PAGE_BYTES) data.writeDoubleBE(at / PAGE_BYTES, at);
  socket.on('data', () => socket.write(data));
}

createServer((socket) => {
  socket.on('error', () => socket.destroy());
  if (mode === 'echo') echo(socket);
  else copy(socket);
}).listen(socketPath, () => process.send?.('ready'));

process.once('disconnect', () => process.exit());
