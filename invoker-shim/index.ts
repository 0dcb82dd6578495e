export {
  type AcceptedActivation,
  type ActionDescription,
  type ActionLimits,
  type ActivationEngine,
  type Address,
  type Answer,
  type CancelOutcome,
  type CancelRequest,
  completeLost,
  connectSecurely,
  fewestUnanswered,
  type FunctionTarget,
  type Host,
  HostAgent,
  type HostAgentEvents,
  type HostAgentParts,
  type HostCandidate,
  HostGroup,
  HostLinkError,
  type HostLinkErrorCode,
  type HostLoad,
  type HostReach,
  HostServer,
  type HostServerOptions,
  type HostStatus,
  type Identity,
  listenSecurely,
  lostActivation,
  MIN_SECRET_CHARS,
  type MissingTarget,
  noteAccepted,
  type NotedActivation,
  notedActivations,
  type Paradigm,
  type Placement,
  type RecordsReport,
  registerGroupMetrics,
  RemoteHost,
  type RemoteHostOptions,
  type SecureListener,
  type SecureListenerOptions,
  type StartMessage,
  type Target,
  WithheldRecords,
  type WorkflowTarget,
} from './host/index.js';
export { IMAGE_NAME, isRuntimeImage } from '@dataflower/action-runtime/images';
export { SinkError } from './sink/errors.js';
export { createDataSink } from './sink/index.js';
export type { DataSink, HandoverFile, Members, Value, ValueReader } from './sink/value.js';
export type { ContainerSpec, Executor, ExecutorStatus, FunctionRun, RunEnd } from './containers/executor.js';
export {
  type ContainersOptions,
  createExecutor,
  defaultDriver,
  processDriver,
} from './containers/pool/container-executor.js';
export type { ContainerDriver } from './containers/drivers/driver.js';
export {
  type DockerDriverOptions,
  type NetworkMode,
  DockerEngine,
  EngineError,
  GuardError,
  openDockerDriver,
} from './containers/drivers/docker/index.js';
export { GatewayExecutor } from './controlflow/gateway-executor.js';
export { Engine } from './engine/engine.js';
export { countHost } from './metrics/host-registry.js';
export { createLocalPipe } from './pipes/index.js';
export { answerText } from './results/answer-text.js';
export { MAX_RESULT_BYTES, type ResultText, resultText } from './results/result-text.js';
