import {
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
  ProtocolError,
  decodeJsonObject,
  encodeJsonFrame,
} from '../../protocol/index.js';
import { ALL_SENT } from '../bridge/cells.js';
import { connect, descriptorOf } from '../bridge/connect.js';
import type { DluData } from '../bridge/messages.js';
import { complain } from '../bridge/complain.js';
import { Container, type Welcome } from './dlu.js';
import { endProcess } from './end-process.js';
import { FluLink } from './flu-link.js';
import { FrameWriter } from './frame-writer.js';
import { makePrivateDirectoryIn, removePrivateDirectory } from './private-directory.js';

/** How long the end of the connection itself may take, in milliseconds. */
const CLOSE_GRACE_MS = 1000;
/** The main thread may be busy with the function's code for ever: after so long, in milliseconds, it is not asked any more. */
const EXIT_GRACE_MS = 1000;

/** Connects to the agent, greets it and serves it until the connection ends or the agent has no more use for us. */
export async function startDlu({ port, cells, held, address, token, directory }: DluData): Promise<void> {
  makePrivateDirectoryIn(directory);
  const flu = new FluLink(port, new Int32Array(cells));
  const leave = leaver(flu, new Int32Array(cells));
  let socket;
  try {
    socket = await connect(address);
  } catch (error) {
    complain(String(error));
    leave(1);
    return;
  }
  const writer = new FrameWriter(socket, new Int32Array(cells), Buffer.from(held));
  let container: Container | undefined;

  const fail = (error: unknown): void => {
    complain(ProtocolError.is(error) ? error.message : String((error as Error).stack));
    leave(1);
  };
  const finish = (): void => {
    setTimeout(() => leave(0), CLOSE_GRACE_MS);
    socket.end(() => leave(0));
  };
  const decoder = new FrameDecoder((type, flags, id, payload) => {
    if (container !== undefined) {
      container.onFrame(type, flags, id, payload);
      return;
    }
    if (type !== FrameType.WELCOME) throw new ProtocolError('UNEXPECTED_FRAME', 'the agent has to begin with WELCOME');
    const { runChannel: key, ...welcome } = readWelcome(payload);
    const runChannel = key === undefined ? undefined : { address, key };
    flu.post({ type: 'open', fd: descriptorOf(socket), runChannel });
    container = new Container(writer, flu, { address, cells }, welcome, finish);
  });
  // Without the agent there is nothing to run for, neither for a function that never ends or stands still nor for what
  // it has started.
  const lost = (code: number): void => {
    if (process.pid > 1 && !leave.called) endProcess();
    else leave(code);
  };
  socket.on('error', () => lost(1));
  socket.on('close', () => lost(0));
  socket.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk);
      container?.onPause();
    } catch (error) {
      fail(error);
    }
  });
  writer.write(
    encodeJsonFrame(FrameType.HELLO, 0, {
      version: PROTOCOL_VERSION,
      token,
      runtime: { name: 'nodejs', version: process.versions.node },
      pid: process.pid,
    }),
  );
}

/** How this thread ends the process: by asking the main thread, which may be waiting for that, and else by itself. */
function leaver(flu: FluLink, cells: Int32Array): ((code: number) => void) & { called: boolean } {
  const leave = (code: number): void => {
    if (leave.called) return;
    leave.called = true;
    removePrivateDirectory();
    Atomics.store(cells, ALL_SENT, 1);
    Atomics.notify(cells, ALL_SENT);
    flu.post({ type: 'exit', code });
    setTimeout(endProcess, EXIT_GRACE_MS);
  };
  leave.called = false;
  return leave;
}

function readWelcome(payload: Buffer): Welcome & { runChannel: string | undefined } {
  const { version, emitWindowBytes, files, runChannel, endMark } = decodeJsonObject(payload);
  if (version !== PROTOCOL_VERSION)
    throw new ProtocolError('VERSION_MISMATCH', `the agent speaks ${String(version)}, not ${PROTOCOL_VERSION}`);
  if (typeof emitWindowBytes !== 'number')
    throw new ProtocolError('MALFORMED_PAYLOAD', 'emitWindowBytes is not a number');
  return {
    emitWindowBytes,
    files: files === true,
    endMark: typeof endMark === 'string' ? endMark : undefined,
    runChannel: typeof runChannel === 'string' ? runChannel : undefined,
  };
}
