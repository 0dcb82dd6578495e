export {
  type ArchivedRecords,
  type ArchivedRecordsOptions,
  type ArchivedRecordsStatus,
  createArchivedRecords,
} from './archived-records.js';
export { createRecordLog } from './log/record-log.js';
export type { RecordLog, RecordLogMetrics, RecordLogOptions } from './log/record-log-options.js';
export { MergedRecords, type MergedRecordsOptions, type RecordArchive } from './merged-records.js';
export { registerLogMetrics, registerRecordMetrics } from './record-metrics.js';
export { RecordLogError, type RecordLogErrorCode, RecordsUnavailableError } from './record/errors.js';
export { JsonText, MemoryNotes, type Note, type NoteKind, type RecordNotes } from './record/notes.js';
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
export { FRAME_HEADER_BYTES, decodeFrame, encodeFrame, quoted } from './record/record-codec.js';
export {
  type ActivationRecord,
  LOST_HOST,
  type RecordFilter,
  type RecordObserver,
  type RecordReader,
  type RecordStore,
  type RecordWriter,
  isGivenUp,
  withObservers,
} from './record/record.js';
export type { DataflowAnnotation, RecordedDataflow, WorkflowDataflowAnnotation } from './record/dataflow-annotation.js';
