export { CachedStore } from './cached-store.js';
export { type Copied, copyEntities } from './copy-entities.js';
export { StoreUnavailableError } from './entity-store.js';
export { EntitySubjects } from './entity-subjects.js';
