import { PassThrough } from 'node:stream';
import { TestClock } from '@dataflower/common/testing';
import { until } from '@dataflower/common/testing';
import { AttachedOutput } from './attached-output.js';

/** A frame of the engine's. */
function frame(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

describe('the output that comes through attach', () => {
  let clock: TestClock;
  let socket: PassThrough;
  let lines: string[];
  let output: AttachedOutput;
  beforeEach(() => {
    clock = new TestClock();
    socket = new PassThrough();
    lines = [];
    output = new AttachedOutput(socket, (stream, line) => lines.push(`${stream}: ${line}`), clock);
  });

  it('is put together however it is cut, and the last line needs no end', async () => {
    const all = Buffer.concat([frame(1, 'one\ntw'), frame(2, 'err\n'), frame(1, 'o\nlast')]);
    for (const byte of all) socket.write(Buffer.from([byte]));
    socket.end();
    await output.ended;
    expect(lines).toEqual(['stdout: one', 'stderr: err', 'stdout: two', 'stdout: last']);
    expect(clock.timers).toBe(0);
  });

  it.each([
    ['lines', 'x\n'.repeat(10_000), 6],
    ['bytes', `${'x'.repeat(999)}\n`.repeat(1000), 9],
  ])('is read no faster than so many %s a second, and none of it is lost', async (_, text, times) => {
    for (let i = 0; i < times; i++) socket.write(frame(1, text));
    await until(() => socket.isPaused());
    socket.write(frame(1, text));
    clock.advance(999);
    expect(socket.isPaused()).toBe(true);
    clock.advance(1);
    expect(socket.isPaused()).toBe(false);
    socket.end();
    await output.ended;
    expect(lines.map((line) => `${line.slice(8)}\n`).join('')).toBe(text.repeat(times + 1));
    expect(clock.timers).toBe(0);
  });
});
