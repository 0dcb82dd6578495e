export {
  ARCHIVE_METRICS,
  CONTAINER_METRICS,
  GROUP_METRICS,
  HOST_METRICS,
  HTTP_METRICS,
  LOG_METRICS,
  type MetricName,
  RUN_METRICS,
  SINK_METRICS,
  SPAN_METRICS,
} from './names.js';
export { registerProcessMetrics } from './process-metrics.js';
export { registerCounter, registerGauge } from './read-metrics.js';
export { Tally } from './tally.js';
