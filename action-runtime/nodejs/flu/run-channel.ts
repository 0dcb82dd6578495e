import type { Socket } from 'node:net';
import {
  type Definition,
  DefinitionParts,
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
  ProtocolError,
  encodeJsonFrame,
} from '../../protocol/index.js';
import { connect } from '../bridge/connect.js';
import type { RunChannelAddress } from '../bridge/messages.js';
import type { QueuedRun } from '../bridge/packed-run.js';
import { Fifo } from './fifo.js';

const READ_BYTES = 64 * 1024;

export interface RunChannelEvents {
  /** True while a run is unfinished: a new run is then queued behind it. */
  busy(): boolean;
  onDefine(id: number, definition: Definition): void;
  /** All runs of one read are queued. */
  onRead(): void;
}

/**
 * The FLU's own connection for small runs, which then cross no thread (PROTOCOL.md, "Run channel"). It only receives; the
 * FLU sends on the container's connection.
 */
export class RunChannel {
  readonly runs = new Fifo<QueuedRun>();
  readonly #defined = new Set<number>();
  readonly #parts = new DefinitionParts();
  #socket: Socket | undefined;

  readonly #events: RunChannelEvents;

  private constructor(events: RunChannelEvents) {
    this.#events = events;
  }

  /** Connects and sends HELLO. Rejects when the agent does not listen. */
  static async open({ address, key }: RunChannelAddress, events: RunChannelEvents): Promise<RunChannel> {
    const channel = new RunChannel(events);
    const decoder = new FrameDecoder((type, flags, id, payload) => channel.#onFrame(type, flags, id, payload));
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (length: number): boolean => {
      try {
        decoder.push(buffer.subarray(0, length));
      } catch {
        // The stream cannot be decoded any further: the agent sees the end and stops the container.
        channel.#socket?.destroy();
        return false;
      }
      events.onRead();
      return true;
    };
    const socket = await connect(address, { buffer, callback });
    channel.#socket = socket;
    // The DLU learns from the container's connection that the agent is gone.
    socket.on('error', () => undefined);
    socket.write(encodeJsonFrame(FrameType.HELLO, 0, { version: PROTOCOL_VERSION, runChannel: key }));
    return channel;
  }

  /** True when the DEFINE of this definition has come. */
  knows(definition: number): boolean {
    return definition === 0 || this.#defined.has(definition);
  }

  #onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    if (type === FrameType.RUN) {
      const behind = this.runs.first !== undefined || this.#events.busy();
      this.runs.push({ flags, behind, invocationId: id, payload: Buffer.from(payload) });
    } else if (type === FrameType.DEFINE) {
      const definition = this.#parts.add(flags, payload);
      if (definition === undefined) return;
      this.#defined.add(id);
      this.#events.onDefine(id, definition);
    } else {
      throw new ProtocolError('UNEXPECTED_FRAME', `type ${type} on a run channel`);
    }
  }
}
