import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanedUp } from '../platform/cleanup.js';
import { quantile } from '../platform/median.js';
import { startChild } from './child.js';
import { FRAME_BYTES, PAGE_BYTES } from './raw-sizes.js';

/** A raw unix socket to another process: what every figure is measured against. */
export interface RawPeer {
  /** Median of `n` round trips of 200 bytes, one at a time, in microseconds. */
  roundTripMicros(n: number): Promise<number>;
  /** Round trips a second with `inFlight` of them at once. */
  roundTripsPerSecond(inFlight: number, durationMs: number): Promise<number>;
  stop(): Promise<void>;
}

/** Starts the peer on a core; this process is the client. */
export async function startRawPeer(core: number): Promise<RawPeer> {
  const { socket, stop } = await connectPeer(['echo'], core);
  const frame = Buffer.alloc(FRAME_BYTES, 1);
  return {
    roundTripMicros: (n) => roundTrips(socket, frame, n),
    roundTripsPerSecond: (inFlight, durationMs) => rate(socket, frame, inFlight, durationMs),
    stop,
  };
}

/** A peer that sends a large buffer whenever it is asked to. */
export interface RawCopier {
  /** Time of one copy into one fresh buffer whose pages are checked, in nanoseconds. */
  copyNanos(): Promise<number>;
  stop(): Promise<void>;
}

export async function startRawCopier(core: number, bytes: number): Promise<RawCopier> {
  const { socket, stop } = await connectPeer(['copy', String(bytes)], core);
  return { copyNanos: () => copy(socket, bytes), stop };
}

async function connectPeer(
  [mode, ...args]: readonly string[],
  core: number,
): Promise<{ socket: Socket; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const path = join(folder, 's');
  const child = await startChild('raw-peer.js', [mode!, path, ...args], core);
  const socket = connect(path);
  await once(socket, 'connect');
  const stop = cleanedUp(async () => {
    socket.destroy();
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { socket, stop };
}

function roundTrips(socket: Socket, frame: Buffer, n: number): Promise<number> {
  return new Promise((resolve) => {
    const times = new Float64Array(n);
    let done = 0;
    let got = 0;
    let sent = 0n;
    const send = (): void => {
      sent = process.hrtime.bigint();
      socket.write(frame);
    };
    const onData = (chunk: Buffer): void => {
      got += chunk.length;
      if (got < FRAME_BYTES) return;
      got -= FRAME_BYTES;
      times[done++] = Number(process.hrtime.bigint() - sent) / 1000;
      if (done < n) {
        send();
        return;
      }
      socket.off('data', onData);
      resolve(quantile([...times], 0.5));
    };
    socket.on('data', onData);
    send();
  });
}

function rate(socket: Socket, frame: Buffer, inFlight: number, durationMs: number): Promise<number> {
  return new Promise((resolve) => {
    const started = performance.now();
    let got = 0;
    let done = 0;
    let open = inFlight;
    const onData = (chunk: Buffer): void => {
      for (got += chunk.length; got >= FRAME_BYTES; got -= FRAME_BYTES) {
        done++;
        if (performance.now() - started < durationMs) socket.write(frame);
        else open--;
      }
      if (open > 0) return;
      socket.off('data', onData);
      resolve((done / (performance.now() - started)) * 1000);
    };
    socket.on('data', onData);
    for (let i = 0; i < inFlight; i++) socket.write(frame);
  });
}

function copy(socket: Socket, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const held = Buffer.allocUnsafe(bytes);
    let at = 0;
    const onData = (chunk: Buffer): void => {
      held.set(chunk, at);
      at += chunk.length;
      if (at < bytes) return;
      socket.off('data', onData);
      for (let page = 0; page * PAGE_BYTES < bytes; page++) {
        if (held.readDoubleBE(page * PAGE_BYTES) !== page) {
          reject(new Error(`raw copy: page ${page} is wrong`));
          return;
        }
      }
      resolve(Number(process.hrtime.bigint() - started));
    };
    socket.on('data', onData);
    socket.write('x');
  });
}
