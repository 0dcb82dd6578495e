import type { DatabaseSchema } from '@dataflower/common/couchdb';

/** The design document of the lists; its views are never changed, another version has another name. */
export const LISTS = 'dataflower-lists-v1';
/** `[type, namespace, -updated]`: newest first, and equal ones by id, since CouchDB orders equal keys by id. */
export const IN_NAMESPACE = 'in-namespace';
/** `[type, -updated]`. */
export const OF_TYPE = 'of-type';

/** Greater than every number: the end of a range of keys. */
export const LAST = {};

/** The database of entities, as this version of DataFlower reads and writes it. */
export const ENTITY_SCHEMA: DatabaseSchema = {
  version: 1,
  designs: {
    [LISTS]: {
      [IN_NAMESPACE]: {
        map: 'function (doc) { if (doc.entityType) emit([doc.entityType, doc.namespace, -doc.updated], null); }',
        reduce: '_count',
      },
      [OF_TYPE]: {
        map: 'function (doc) { if (doc.entityType) emit([doc.entityType, -doc.updated], null); }',
        reduce: '_count',
      },
    },
  },
};
