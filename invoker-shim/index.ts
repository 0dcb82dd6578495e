export { SinkError } from './sink/errors.js';
export type { DataSink, HandoverFile, Value, ValueBody } from './sink/value.js';
export { IMAGE_NAME, isRuntimeImage } from '@dataflower/action-runtime/images';
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
export { type DockerDriverOptions, openDockerDriver } from './containers/drivers/docker/index.js';
export type { NetworkMode } from './containers/drivers/docker/network/container-network.js';
export { Engine as DockerEngine } from './containers/drivers/docker/engine/engine.js';
export { EngineError } from './containers/drivers/docker/engine/engine-error.js';
export { GuardError } from './containers/drivers/docker/network/network-guard.js';
export { MAX_RESULT_BYTES, type ResultText, resultText } from './results/result-text.js';
