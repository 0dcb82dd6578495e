export { type Standalone, createStandalone } from './standalone.js';
export { StartError } from './shared/start-error.js';
