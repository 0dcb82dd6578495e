export { StoreLockedError } from './directory-lock.js';
export { type EmbeddedStoreOptions, openEmbeddedStore } from './embedded-store.js';
