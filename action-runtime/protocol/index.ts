export { ProtocolError, type ProtocolErrorCode } from './errors.js';
export { FrameDecoder, FrameType, HEADER_BYTES, MAX_CHUNK_BYTES, MAX_FRAME_BYTES, MAX_INLINE_BYTES, PROTOCOL_VERSION, encodeFrame, type FrameHandler } from './frame.js';
export { type BytesAs, type CompositeItem, type EncodedValue, Shape, decodeValue, encodeList, encodeRecord, encodeValue, shapeOf } from './value.js';
export { type Slot } from './slot.js';
export {
  type Definition, type Emit, type Hello, type Init, type LogLine, type Ready, type Result, type Run, type StepFunction, type Welcome,
  FLAG_END, FLAG_ENV, FLAG_TRUNCATED, Outcome,
  decodeAmount, decodeEmit, decodeIds, decodeInit, decodeJsonObject, decodeLog, decodeResult, decodeRun,
  encodeAmount, encodeEmit, encodeIds, encodeInit, encodeJsonFrame, encodeLog, encodeResult, encodeRun, encodeText,
} from './messages.js';
