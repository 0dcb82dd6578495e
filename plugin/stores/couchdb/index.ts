export { openCouchEntityStore } from './couch-entity-store.js';
export { CouchSubjects } from './couch-subjects.js';
