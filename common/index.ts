export { assertNever } from './assert-never.js';
export { ChurnMap } from './churn-map.js';
export { type Clock, momentOf, systemClock } from './clock.js';
export { CodedError } from './coded-error.js';
export { Deque } from './deque.js';
export { DEFAULT_SHARE_PERCENT, FairShare } from './fair-share.js';
export { type ActivationId, type NewId, activationIdOf, randomIds } from './ids.js';
export { type ContainerLogger, silentLogger } from './logger.js';
export { ThreadsBusyError, WorkThreads, type WorkThreadsOptions, WorkTimeoutError } from './work-threads.js';
