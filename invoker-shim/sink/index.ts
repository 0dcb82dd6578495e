export { bytesOf } from './bytes-of.js';
export { createDataSink } from './data-sink.js';
export type { DataSinkOptions, MeasuredDataSink, SinkMetrics } from './data-sink-options.js';
export { SinkError, type SinkErrorCode } from './errors.js';
export type { SpillFiles } from './spiller.js';
export type { DataSink, HandoverFile, HandoverSource, IncomingValue, Value, ValueBody } from './value.js';
export { readLeaf } from './value-json.js';
export type { PackingSink } from './value-pack.js';
