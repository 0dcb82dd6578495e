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
export { createRecordLog } from './record-log.js';
export type { RecordLog, RecordLogMetrics, RecordLogOptions } from './record-log-options.js';
export { registerLogMetrics, registerRecordMetrics } from './record-metrics.js';
export { MAX_RESULT_BYTES, type ResultText, resultText } from './result-text.js';
