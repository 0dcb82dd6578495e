import type { FromFlu, LargeMessage, RunWithBuffers, ToFlu } from '../bridge/messages.js';
import { type QueuedRun, unpackRun } from '../bridge/packed-run.js';
import type { TransportEvents } from './transport.js';
import type { StartableTransport } from './start.js';

/** The transport of a FLU in a process of its own: everything goes through the DLU, which sends one run at a time. */
export class ProcessTransport implements StartableTransport {
  #run: QueuedRun | undefined;

  listen(events: TransportEvents): void {
    process.on('message', (message: Exclude<ToFlu, string | readonly string[]> | { type: 'text'; run: string }) => {
      switch (message.type) {
        case 'text':
        case 'run':
          this.#run = unpackRun(message.type === 'text' ? message.run : withOwnMemory(message));
          {
            events.onRun();
            return;
          }
        case 'define': {
          events.onDefine(message.id, message);
          return;
        }
        case 'environment': {
          events.onEnvironment(message.variables);
          return;
        }
        case 'grant': {
          events.onGrant(message.bytes);
          return;
        }
        case 'stop': {
          events.onStop();
          return;
        }
        case 'skip':
          return;
        case 'drain': {
          events.onDrain();
          return;
        }
      }
    });
  }

  open(): Promise<boolean> {
    return Promise.resolve(false);
  }

  post(message: FromFlu): void {
    process.send!(message);
  }

  send(frame: Buffer): void {
    this.post({ type: 'frame', bytes: frame });
  }

  sendLarge(message: LargeMessage): void {
    this.post(message);
  }

  take(): QueuedRun | undefined {
    const run = this.#run;
    this.#run = undefined;
    return run;
  }

  flush(): void {
    // Nothing is ever held back.
  }

  poll(): void {
    // Messages come through the event loop alone.
  }

  running(): void {
    // The DLU keeps account of what runs.
  }

  spent(): void {
    this.post({ type: 'spent' });
  }
}

/** Between processes a buffer arrives as a view of some other memory. */
function withOwnMemory(run: RunWithBuffers): RunWithBuffers {
  const buffers = run.buffers.map(
    ([slot, bytes]) => [slot, Uint8Array.from(bytes as unknown as Uint8Array).buffer] as const,
  );
  return { ...run, buffers };
}
