export { Access } from './access.js';
export { type CouchRequest, CouchClient } from './couch-client.js';
export {
  type CouchAttachment,
  CouchDatabase,
  type CouchDocument,
  type ViewQuery,
  type ViewRow,
} from './couch-database.js';
export { type Change, ChangesFeed, type ChangesFeedOptions } from './changes-feed.js';
export { CouchCodeSource } from './code-source.js';
export { type CouchErrorCode, CouchRefusedError, CouchSchemaError, CouchUnavailableError } from './errors.js';
export { type MetricsDocument, MetricsWriter, type MetricsWriterOptions } from './metrics-writer.js';
export { type DatabaseSchema, prepareDatabase, type PreparedDatabase, type Views } from './prepare-database.js';
export { COUCH_DEFAULTS, type CouchSettings } from './settings.js';
