import { FrameType, ProtocolError, decodeAmount } from '@dataflower/action-runtime/protocol';
import type { ContainerRuns } from './container-runs.js';
import type { OutboundStreams } from './outbound-streams.js';

/** Hands a frame of a container that is ready to whom it is for. Throws ProtocolError for one that it may not send. */
export function onRunFrame(
  runs: ContainerRuns,
  streams: OutboundStreams,
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
      runs.onWithdrawn(payload);
      return;
    case FrameType.OFFER:
      runs.inbound.onOffer(id, decodeAmount(payload));
      return;
    case FrameType.DATA:
      runs.inbound.onData(id, flags, payload);
      return;
    case FrameType.CREDIT:
      streams.onCredit(id, decodeAmount(payload));
      return;
    case FrameType.RESET:
      if (id % 2 === 0) streams.drop(id);
      else runs.inbound.onReset(id, payload.toString());
      return;
    default:
      throw new ProtocolError('UNEXPECTED_FRAME', `frame ${type} from a container that is ready`);
  }
}
