export { Authenticator } from './authenticator.js';
export { GUEST, guestOf } from './guest.js';
export { type Caller, WELL_KNOWN_KEY, authorizationOf } from './identity.js';
export { EntitySubjects, type Subject, type SubjectStore } from './subject-store.js';
export { Subjects } from './subjects.js';
