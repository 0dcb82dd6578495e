import { Duplex } from 'node:stream';

/** How bytes travel: decides, by its own randomness, how many turns of the loop each piece takes, 0 to 3. */
export type Delay = () => number;

/**
 * One end of a connection in memory. Bytes arrive later, in order, in pieces of any size. A cut loses what is under way;
 * the other end may hear of it late, as with a machine whose cable was pulled.
 */
export class SimulatedStream extends Duplex {
  peer!: SimulatedStream;
  #arriving: Promise<void> = Promise.resolve();

  readonly #delay: Delay;

  constructor(delay: Delay) {
    super();
    this.#delay = delay;
  }

  override _read(): void {
    // Arriving bytes are pushed.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const at = Math.min(chunk.length, 1 + this.#delay() * 7);
    this.#send(chunk.subarray(0, at));
    if (at < chunk.length) this.#send(chunk.subarray(at));
    done();
  }

  override _final(done: () => void): void {
    this.#send(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#send('cut');
    done(error);
  }

  #send(piece: Buffer | null | 'cut'): void {
    const turns = this.#delay();
    const copy = Buffer.isBuffer(piece) ? Buffer.from(piece) : piece;
    this.#arriving = this.#arriving.then(async () => {
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      const { peer } = this;
      if (peer.destroyed) return;
      if (copy === 'cut') peer.destroy();
      else peer.push(copy);
    });
  }
}

export function simulatedConnection(delay: Delay): [SimulatedStream, SimulatedStream] {
  const ends: [SimulatedStream, SimulatedStream] = [new SimulatedStream(delay), new SimulatedStream(delay)];
  [ends[0].peer, ends[1].peer] = [ends[1], ends[0]];
  return ends;
}
