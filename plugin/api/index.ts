export { CODE_ATTACHMENT } from './action-document.js';
export { createApp } from './app.js';
export { BodyBudget } from './body-budget.js';
export { BodyThreads } from './body-threads.js';
