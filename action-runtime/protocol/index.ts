export { crc32, crc32ByTable } from './crc32.js';
export { ProtocolError, type ProtocolErrorCode } from './errors.js';
export {
  FrameDecoder,
  FrameType,
  HEADER_BYTES,
  MAX_CHUNK_BYTES,
  MAX_FRAME_BYTES,
  LOG_LINE_BYTES,
  MAX_ENVIRONMENT_BYTES,
  MAX_INLINE_BYTES,
  PROTOCOL_VERSION,
  encodeFrame,
  writeHeader,
  type FrameHandler,
} from './frame.js';
export {
  type BytesAs,
  type CompositeItem,
  type EncodedValue,
  ValueKind,
  bytesOf,
  decodeValue,
  encodeList,
  encodeRecord,
  encodeValue,
} from './value.js';
export { Shape, shapeOf } from './shape.js';
export { END_MARK_TAIL, endMark, endMarkId } from './end-mark.js';
export { wholeCharacters } from './whole-characters.js';
export { type Slot } from './slot.js';
export { DefinitionParts, encodeDefine } from './definition-parts.js';
export {
  type Definition,
  type Emit,
  type Hello,
  type Init,
  type InitRest,
  type LogLine,
  type Ready,
  type Result,
  type Run,
  type StepFunction,
  type Welcome,
  FLAG_END,
  FLAG_FOLLOWED,
  FLAG_ENV,
  FLAG_MARKED,
  FLAG_PARTIAL,
  FLAG_TRUNCATED,
  Outcome,
  decodeAmount,
  decodeEmit,
  decodeIds,
  decodeInit,
  decodeJsonObject,
  decodeLog,
  decodeResult,
  decodeRun,
  encodeAmount,
  encodeEmit,
  encodeIds,
  encodeInit,
  encodeJsonFrame,
  encodeLog,
  encodeResult,
  encodeRun,
  encodeText,
} from './messages.js';
