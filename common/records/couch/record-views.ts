import type { DatabaseSchema, Views } from '../../couchdb/index.js';

/** The name of the database, behind the configured prefix. */
export const RECORDS_DATABASE = 'activations';

/** The design document. Its name has the version, so that an older process keeps using its own. */
export const RECORDS_DESIGN = 'records.v1';

/**
 * The summary of a record in listings, and the name that a `name` filter compares with: `package/name` for an action in a
 * package (for a binding, the binding's), else the simple name. In ECMAScript 5, which all engines of CouchDB run.
 */
const FUNCTIONS = `
  function annotation(doc, key) {
    var list = doc.annotations || [];
    for (var i = 0; i < list.length; i++) if (list[i].key === key) return list[i].value;
  }
  function listedName(doc) {
    var binding = annotation(doc, 'binding');
    if (typeof binding === 'string' && binding !== '') {
      var bound = binding.split('/');
      return bound.length < 2 ? doc.name : bound[1] + '/' + doc.name;
    }
    var path = annotation(doc, 'path');
    var parts = typeof path === 'string' ? path.split('/') : [];
    return parts.length === 3 ? parts[1] + '/' + doc.name : doc.name;
  }
  function summary(doc) {
    var response = doc.response || {};
    return {
      activationId: doc.activationId, namespace: doc.namespace, subject: doc.subject, name: doc.name,
      version: doc.version, cause: doc.cause, start: doc.start, end: doc.end, duration: doc.duration,
      annotations: doc.annotations, response: { statusCode: response.statusCode, size: response.size }
    };
  }
  function place(doc) {
    var from = doc.dataflower || {};
    return [doc.start, from.segment || 0, from.offset || 0];
  }`;

const views: Views = {
  /** The records of a namespace by start, then by their order in their log. */
  'by-namespace': {
    map: `function (doc) {${FUNCTIONS}
  if (doc.activationId) emit([doc.namespace].concat(place(doc)), summary(doc));
}`,
    reduce: '_count',
  },
  /** The records of a name in a namespace, in the same order. */
  'by-name': {
    map: `function (doc) {${FUNCTIONS}
  if (doc.activationId) emit([doc.namespace, listedName(doc)].concat(place(doc)), summary(doc));
}`,
    reduce: '_count',
  },
  /** The records of all namespaces, oldest first, with their revision: for retention. */
  'by-start': {
    map: `function (doc) { if (doc.activationId) emit(doc.start, doc._rev); }`,
    reduce: '_count',
  },
};

export const RECORDS_SCHEMA: DatabaseSchema = { version: 1, designs: { [RECORDS_DESIGN]: views } };
