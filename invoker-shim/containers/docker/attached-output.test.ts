import { PassThrough } from 'node:stream';
import { TestClock } from '../testing/test-clock.js';
import { until } from '../testing/until.js';
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

  it('is cut beyond so many lines a second, says so, and goes on in the next', async () => {
    socket.write(frame(1, 'x\n'.repeat(100_000)));
    await until(() => lines.length === 5000);
    socket.write(frame(1, 'y\n'));
    await until(() => socket.readableLength === 0);
    clock.advance(1000);
    expect(lines.at(-1)).toMatch(/^stderr: 95001 lines were dropped/);
    socket.write(frame(1, 'z\n'));
    await until(() => lines.at(-1) === 'stdout: z');
    socket.end();
    await output.ended;
    expect(lines).toHaveLength(5002);
    expect(clock.timers).toBe(0);
  });

  it('is read no faster than the bound, however much there is', async () => {
    const text = frame(1, `${'x'.repeat(999)}\n`.repeat(1000));
    for (let i = 0; i < 9; i++) socket.write(text);
    await until(() => socket.isPaused());
    socket.write(text);
    clock.advance(1000);
    expect(socket.isPaused()).toBe(false);
    socket.end();
    await output.ended;
    expect(lines.join('\n').length).toBeLessThan(3 * 2 ** 20);
  });
});
