export { type Clock, momentOf, systemClock } from './clock.js';
export { FairShare } from './fair-share.js';
export { SinkError } from './sink/errors.js';
export { type Finding, Health, type HealthCheck, type HealthReport, type Severity } from './health/health.js';
export type { ActivationRecord, RecordFilter, RecordReader, RecordStore, RecordWriter } from './records/record.js';
export type { Note, NoteKind, RecordNotes } from './records/notes.js';
export { MemoryNotes } from './records/memory-notes.js';
export type { DataSink, HandoverFile, Value, ValueBody } from './sink/value.js';
export { IMAGE_NAME } from '@dataflower/action-runtime/images';
export { isOwnImage } from './containers/own-image.js';
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
export { completeLost, lostActivation } from './host/lost-activations.js';
export { registerGroupMetrics } from './host/group-metrics.js';
export { countHost } from './metrics/host-registry.js';
export { registerProcessMetrics } from './metrics/process-metrics.js';
export { Tally } from './metrics/tally.js';
export type { RecordObserver } from './records/observed-records.js';
export { defaultDriver, processDriver } from './containers/index.js';
export { type InProcessHostOptions, createInProcessHost } from './host/in-process-host.js';
export {
  type ArchivedRecords,
  type ArchivedRecordsOptions,
  type ArchivedRecordsStatus,
  type RecordLog,
  type RecordLogOptions,
  RecordLogError,
  RecordsUnavailableError,
  activationText,
  type RecordArchive,
  MergedRecords,
  createArchivedRecords,
  createRecordLog,
  registerLogMetrics,
  registerRecordMetrics,
  responseText,
  toActivation,
  toActivationSummary,
  toResponse,
} from './records/index.js';
export {
  type ActionCode,
  type CodeReference,
  type CodeSource,
  type ContainerSource,
  loadSource,
} from './code/code-source.js';
export { HostGroup } from './host/host-group.js';
export { ThreadsBusyError, WorkThreads, type WorkThreadsOptions, WorkTimeoutError } from './work-threads.js';
export { CachedCode, firstOf } from './code/cached-code.js';
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
} from './host/remote/index.js';
export type { ContainerDriver } from './containers/driver.js';
export {
  type DockerDriverOptions,
  type NetworkMode,
  DockerEngine,
  EngineError,
  GuardError,
  openDockerDriver,
} from './containers/docker/index.js';
export { createServerInTurn } from './http/requests-in-turn.js';
