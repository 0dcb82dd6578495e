export { SinkError } from './sink/errors.js';
export type { DataSink, HandoverFile, Members, Value, ValueReader } from './sink/value.js';
export { IMAGE_NAME } from '@dataflower/action-runtime/images';
export { isOwnImage } from './containers/drivers/own-image.js';
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
  RecordsReport,
  StartMessage,
  Target,
  WorkflowTarget,
} from './host/host.js';
export { type AcceptedActivation, type NotedActivation, noteAccepted, notedActivations } from './host/accepted.js';
export { completeLost, lostActivation } from './host/gateway/lost-activations.js';
export { registerGroupMetrics } from './host/gateway/group-metrics.js';
export { countHost } from './metrics/host-registry.js';
export { defaultDriver, processDriver } from './containers/pool/container-executor.js';
export { type InProcessHostOptions, createInProcessHost } from './host/agent/in-process-host.js';
export { HostGroup } from './host/gateway/host-group.js';
export {
  type Address,
  type HostLoad,
  type HostReach,
  type HostServerOptions,
  type RemoteHostOptions,
  type SecureListener,
  HostLinkError,
  type HostLinkErrorCode,
  HostServer,
  MIN_SECRET_CHARS,
  RemoteHost,
  WithheldRecords,
  connectSecurely,
  listenSecurely,
} from './host/index.js';
export type { ContainerDriver } from './containers/drivers/driver.js';
export {
  type DockerDriverOptions,
  type NetworkMode,
  DockerEngine,
  EngineError,
  GuardError,
  openDockerDriver,
} from './containers/drivers/docker/index.js';
export { MAX_RESULT_BYTES, type ResultText, resultText } from './results/result-text.js';
