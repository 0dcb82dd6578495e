export { HandClock } from './hand-clock.js';
export { TestClock } from './test-clock.js';
export { until } from './until.js';
