export type { ContainerSpec, Executor, ExecutorStatus, FunctionRun, RunEnd } from './executor.js';
export {
  type ContainersOptions,
  type ExecutorOptions,
  createExecutor,
  defaultDriver,
  processDriver,
} from './container-executor.js';
export {
  type ContainerDriver,
  type ContainerExit,
  type ContainerHandle,
  type OutputHandler,
  type StartOptions,
  ImageError,
  MAX_OUTPUT_LINE_CHARS,
} from './driver.js';
export { isOwnImage } from './own-image.js';
export { ProcessDriver, type ProcessDriverOptions } from './process-driver.js';
export type { PrewarmOptions } from './prewarmed.js';
