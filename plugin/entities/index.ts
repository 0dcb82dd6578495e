export { CODE_ATTACHMENT } from './action/document.js';
export { BodyThreads } from './bodies/body-threads.js';
