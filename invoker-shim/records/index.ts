export { RecordLogError, type RecordLogErrorCode } from './errors.js';
export type { ActivationRecord, RecordFilter, RecordStore } from './record.js';
export { type RecordLog, type RecordLogMetrics, type RecordLogOptions, createRecordLog } from './record-log.js';
