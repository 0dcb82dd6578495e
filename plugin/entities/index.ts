export { CODE_ATTACHMENT } from './action-document.js';
export { BodyThreads } from './body-threads.js';
