import {
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
  ProtocolError,
  decodeJsonObject,
  encodeJsonFrame,
} from '../../protocol/index.js';
import { HELD_AREA_BYTES, createCells } from '../bridge/cells.js';
import { connect, descriptorOf } from '../bridge/connect.js';
import { Container, type Welcome } from './container.js';
import { FrameWriter } from './frame-writer.js';
import { makePrivateDirectoryIn } from './private-directory.js';

/** How long the end of the connection itself may take, in milliseconds. */
const CLOSE_GRACE_MS = 1000;

/**
 * Connects to the agent, greets it and serves it until the connection ends or the agent has no more use for us.
 *
 * @param directory Where the runtime keeps what it unpacks. Default: the system's temporary directory.
 */
export async function startDlu(address: string, token: string, directory: string | undefined): Promise<void> {
  if (directory !== undefined) makePrivateDirectoryIn(directory);
  const socket = await connect(address);
  const shared = {
    address,
    cells: createCells(),
    held: new SharedArrayBuffer(HELD_AREA_BYTES),
    fd: descriptorOf(socket),
  };
  const writer = new FrameWriter(socket, new Int32Array(shared.cells), Buffer.from(shared.held));
  let container: Container | undefined;

  const fail = (error: unknown): void => {
    console.error(ProtocolError.is(error) ? error.message : error);
    process.exit(1);
  };
  const finish = (): void => {
    setTimeout(() => process.exit(0), CLOSE_GRACE_MS).unref();
    socket.end(() => process.exit(0));
  };
  const decoder = new FrameDecoder((type, flags, id, payload) => {
    if (container !== undefined) {
      container.onFrame(type, flags, id, payload);
      return;
    }
    if (type !== FrameType.WELCOME) throw new ProtocolError('UNEXPECTED_FRAME', 'the agent has to begin with WELCOME');
    const { runChannel: key, ...welcome } = readWelcome(payload);
    const runChannel = key === undefined ? {} : { runChannel: { address, key } };
    container = new Container(writer, { ...shared, ...runChannel }, welcome, finish);
  });
  socket.on('error', () => endWithAll(1));
  socket.on('close', () => endWithAll(0));
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

/**
 * Without the agent there is nothing to run for, neither for a function that never ends or stands still nor for what it
 * has started. A process that leads its group ends that as one; in a container of its own its end is that of all.
 */
function endWithAll(code: number): void {
  try {
    if (process.pid > 1) process.kill(-process.pid, 'SIGKILL');
  } catch {
    // It leads no group.
  }
  process.exit(code);
}

function readWelcome(payload: Buffer): Welcome & { runChannel: string | undefined } {
  const { version, emitWindowBytes, files, memoryMiB, runChannel, endMark } = decodeJsonObject(payload);
  if (version !== PROTOCOL_VERSION)
    throw new ProtocolError('VERSION_MISMATCH', `the agent speaks ${String(version)}, not ${PROTOCOL_VERSION}`);
  if (typeof emitWindowBytes !== 'number')
    throw new ProtocolError('MALFORMED_PAYLOAD', 'emitWindowBytes is not a number');
  return {
    emitWindowBytes,
    files: files === true,
    memoryMiB: typeof memoryMiB === 'number' ? memoryMiB : undefined,
    endMark: typeof endMark === 'string' ? endMark : undefined,
    runChannel: typeof runChannel === 'string' ? runChannel : undefined,
  };
}
