export { createDataSink } from './data-sink.js';
export type { DataSinkOptions, MeasuredDataSink, SinkMetrics } from './data-sink-options.js';
export { SinkError, type SinkErrorCode } from './errors.js';
export type { SpillFiles } from './spiller.js';
export type {
  DataSink,
  HandoverFile,
  HandoverSource,
  IncomingValue,
  Members,
  Value,
  ValuePack,
  ValueReader,
} from './value.js';
export { bytesOf, streamOf } from './value-bytes.js';
