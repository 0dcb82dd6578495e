export { Authenticator } from './authenticator.js';
export { type Caller, WELL_KNOWN_KEY, authorizationOf } from './identity.js';
export type { Subject, SubjectStore } from './subject-store.js';
export { GUEST, Subjects, guestOf } from './subjects.js';
