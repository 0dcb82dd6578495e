export { explain, type Explanation } from './explanation.js';
export { readRun, type ReadRun } from './read-run.js';
export { reportOf } from './report.js';
export type { RunRecord } from './run.js';
export { drawTimeline, legend, timelineOf, type TimelineRow } from './timeline.js';
