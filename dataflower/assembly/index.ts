export { type Standalone, createStandalone } from './standalone.js';
export { StartError } from './start-error.js';
