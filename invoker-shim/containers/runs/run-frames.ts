import { FLAG_END, FrameType, ProtocolError, decodeAmount } from '@dataflower/action-runtime/protocol';
import type { Connection } from '../wire/connection.js';
import type { ContainerRuns } from './container-runs.js';

/** Handles a frame of a container that is ready. Throws ProtocolError for a frame that it may not send. */
export function takeRunFrame(
  runs: ContainerRuns,
  connection: Connection,
  type: FrameType,
  flags: number,
  id: number,
  payload: Buffer,
): void {
  switch (type) {
    case FrameType.RESULT:
      runs.onResult(flags, id, payload);
      return;
    case FrameType.EMIT:
      runs.onEmit(id, payload);
      return;
    case FrameType.STARTED:
      runs.onStarted(id);
      return;
    case FrameType.LOG:
      runs.onLog(flags, id, payload);
      return;
    case FrameType.WITHDRAWN:
      if ((flags & FLAG_END) !== 0) runs.onEndedAtRest();
      else runs.onWithdrawn(payload);
      return;
    case FrameType.OFFER:
      runs.inbound.offers.onOffer(id, decodeAmount(payload), runs.busy);
      return;
    case FrameType.FILLED:
      runs.inbound.offers.onFilled(id, decodeAmount(payload));
      return;
    case FrameType.DATA:
      runs.inbound.onData(id, flags, payload);
      return;
    case FrameType.CREDIT:
      connection.streams.onCredit(id, decodeAmount(payload));
      return;
    case FrameType.RESET:
      if (id % 2 === 0) connection.streams.drop(id);
      else runs.inbound.onReset(id, payload.toString());
      return;
    default:
      throw new ProtocolError('UNEXPECTED_FRAME', `frame ${type} from a container that is ready`);
  }
}
