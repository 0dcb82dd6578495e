export { type Clock, systemClock } from './clock.js';
export { type Finding, Health, type HealthCheck, type HealthReport, type Severity } from './health/health.js';
export type { ActivationRecord, RecordFilter, RecordStore } from './records/record.js';
export type { DataSink, HandoverFile, Value, ValueBody } from './sink/value.js';
export type { ContainerSpec, Executor, ExecutorStatus, FunctionRun, RunEnd } from './containers/executor.js';
export type {
  ActionDescription,
  ActionLimits,
  Answer,
  CancelOutcome,
  CancelRequest,
  FunctionTarget,
  Host,
  HostStatus,
  Identity,
  MissingTarget,
  Paradigm,
  StartMessage,
  Target,
  WorkflowTarget,
} from './host/host.js';
export { type InProcessHostOptions, createInProcessHost } from './host/in-process-host.js';
export {
  type RecordLog,
  type RecordLogOptions,
  RecordLogError,
  activationText,
  createRecordLog,
  responseText,
  toActivation,
  toActivationSummary,
  toResponse,
} from './records/index.js';
export type { ContainerDriver } from './containers/driver.js';
export {
  type DockerDriverOptions,
  type NetworkMode,
  DockerEngine,
  EngineError,
  GuardError,
  openDockerDriver,
} from './containers/docker/index.js';
