export {
  type ArchivedRecords,
  type ArchivedRecordsOptions,
  type ArchivedRecordsStatus,
  createArchivedRecords,
} from './archived-records.js';
export { RecordLogError, type RecordLogErrorCode } from './errors.js';
export {
  MergedRecords,
  type MergedRecordsOptions,
  type RecordArchive,
  RecordsUnavailableError,
} from './merged-records.js';
export {
  type OpenWhiskActivation,
  type OpenWhiskActivationSummary,
  type OpenWhiskAnnotation,
  type OpenWhiskResponse,
  activationText,
  responseText,
  toActivation,
  toActivationSummary,
  toResponse,
} from './openwhisk-json.js';
export type { ActivationRecord, RecordFilter, RecordReader, RecordStore, RecordWriter } from './record.js';
export { createRecordLog } from './log/record-log.js';
export type { RecordLog, RecordLogMetrics, RecordLogOptions } from './log/record-log-options.js';
export { registerLogMetrics, registerRecordMetrics } from './record-metrics.js';
export { MemoryNotes } from './memory-notes.js';
export { JsonText, type Note, type NoteKind, type RecordNotes } from './notes.js';
export { type RecordObserver, observedRecords } from './observed-records.js';
export { LOST_HOST, isGivenUp } from './precedence.js';
export { quoted } from './quoted.js';
export { FRAME_HEADER_BYTES, decodeFrame, encodeFrame } from './record-codec.js';
export type { DataflowAnnotation, RecordedDataflow, WorkflowDataflowAnnotation } from './dataflow-annotation.js';
