export { TestClock } from './test-clock.js';
export { until, type UntilOptions } from './until.js';
export { type Reply, type Sent, send } from './http-client.js';
export { temporaryDirectory } from './temporary-directory.js';
export { turnsDuring } from './turns-during.js';
