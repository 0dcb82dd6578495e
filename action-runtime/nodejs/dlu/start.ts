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
import { logForOperator } from '../bridge/process-streams.js';
import { Dlu, type Welcome } from './dlu.js';
import { endProcess } from './end-process.js';
import { FluLink } from './flu-link.js';
import { FrameWriter } from './frame-writer.js';
import { makePrivateDirectoryIn, removePrivateDirectory } from './private-directory.js';

/** Time to close the connection, in milliseconds. */
const CLOSE_GRACE_MS = 1000;
/** Time for the main thread to exit, in milliseconds: user code may block it for ever. */
const EXIT_GRACE_MS = 1000;

/** Connects to the agent, sends HELLO, and serves the agent until the connection or the container ends. */
export async function startDlu({ port, cells, held, address, token, directory }: DluData): Promise<void> {
  makePrivateDirectoryIn(directory);
  const flu = new FluLink(port, new Int32Array(cells));
  const leave = leaver(flu, new Int32Array(cells));
  let socket;
  try {
    socket = await connect(address);
  } catch (error) {
    logForOperator(String(error));
    leave(1);
    return;
  }
  const writer = new FrameWriter(socket, new Int32Array(cells), Buffer.from(held));
  let dlu: Dlu | undefined;

  const fail = (error: unknown): void => {
    logForOperator(ProtocolError.is(error) ? error.message : String((error as Error).stack));
    leave(1);
  };
  const finish = (): void => {
    setTimeout(() => leave(0), CLOSE_GRACE_MS);
    socket.end(() => leave(0));
  };
  const decoder = new FrameDecoder((type, flags, id, payload) => {
    if (dlu !== undefined) {
      dlu.onFrame(type, flags, id, payload);
      return;
    }
    if (type !== FrameType.WELCOME)
      throw new ProtocolError('UNEXPECTED_FRAME', 'the first frame of the agent is not WELCOME');
    const { runChannel: key, ...welcome } = readWelcome(payload);
    const runChannel = key === undefined ? undefined : { address, key };
    flu.post({ type: 'open', fd: descriptorOf(socket), runChannel });
    dlu = new Dlu(writer, flu, { address, cells }, welcome, finish);
  });
  // Nothing may outlive the agent: neither a function that blocks or is paused, nor processes that it started.
  const lost = (code: number): void => {
    if (process.pid > 1 && !leave.called) endProcess();
    else leave(code);
  };
  socket.on('error', () => lost(1));
  socket.on('close', () => lost(0));
  socket.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk);
      dlu?.onReadEnd();
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

/** Returns a function that ends the process through the main thread, which may wait for that, or else by a signal. */
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
    throw new ProtocolError('VERSION_MISMATCH', `the agent has version ${String(version)}, not ${PROTOCOL_VERSION}`);
  if (typeof emitWindowBytes !== 'number')
    throw new ProtocolError('MALFORMED_PAYLOAD', 'emitWindowBytes is not a number');
  return {
    emitWindowBytes,
    files: files === true,
    endMark: typeof endMark === 'string' ? endMark : undefined,
    runChannel: typeof runChannel === 'string' ? runChannel : undefined,
  };
}
