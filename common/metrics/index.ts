export { registerProcessMetrics } from './process-metrics.js';
export { Tally } from './tally.js';
