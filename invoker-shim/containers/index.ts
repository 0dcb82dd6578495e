export type { ContainerSpec, Executor, ExecutorStatus, FunctionRun, RunEnd } from './executor.js';
export {
  type ContainersOptions,
  type ExecutorOptions,
  createExecutor,
  defaultDriver,
  processDriver,
} from './pool/container-executor.js';
export {
  type ContainerDriver,
  type ContainerExit,
  type ContainerHandle,
  type OutputHandler,
  type StartOptions,
  ImageError,
  MAX_OUTPUT_LINE_CHARS,
} from './drivers/driver.js';
export { ProcessDriver, type ProcessDriverOptions } from './drivers/process/process-driver.js';
export type { PrewarmOptions } from './pool/prewarmed.js';
