export { MemoryRecords } from './memory-records.js';
export { recordOf, written } from './record-log.js';
