export { type DataSinkOptions, type MeasuredDataSink, type SinkMetrics, createDataSink } from './data-sink.js';
export { SinkError, type SinkErrorCode } from './errors.js';
export { type ProcessIdentity, identityText, isAlive, ownIdentity, parseIdentity } from './process-identity.js';
export type { SpillFiles } from './spiller.js';
export type { DataSink, HandoverFile, Value, ValueBody } from './value.js';
export { readLeaf } from './value-json.js';
