export {
  type ArchivedRecords,
  type ArchivedRecordsOptions,
  type ArchivedRecordsStatus,
  createArchivedRecords,
} from './archived-records.js';
export { RecordLogError, type RecordLogErrorCode } from './record/errors.js';
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
} from './record/openwhisk-json.js';
export type { ActivationRecord, RecordFilter, RecordReader, RecordStore, RecordWriter } from './record/record.js';
export { createRecordLog } from './log/record-log.js';
export type { RecordLog, RecordLogMetrics, RecordLogOptions } from './log/record-log-options.js';
export { registerLogMetrics, registerRecordMetrics } from './record-metrics.js';
export { MemoryNotes } from './record/memory-notes.js';
export { JsonText, type Note, type NoteKind, type RecordNotes } from './record/notes.js';
export { type RecordObserver, observedRecords } from './record/observed-records.js';
export { LOST_HOST, isGivenUp } from './record/precedence.js';
export { quoted } from './record/quoted.js';
export { FRAME_HEADER_BYTES, decodeFrame, encodeFrame } from './record/record-codec.js';
