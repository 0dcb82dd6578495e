export type {
  ActionDescription,
  ActionLimits,
  Answer,
  CancelOutcome,
  CancelRequest,
  FunctionTarget,
  Host,
  HostLoad,
  HostReach,
  HostStatus,
  Identity,
  MissingTarget,
  Paradigm,
  RecordsReport,
  StartMessage,
  Target,
  WorkflowTarget,
} from './host.js';
export {
  type AcceptedActivation,
  type NotedActivation,
  noteAccepted,
  notedActivations,
} from './acceptance/accepted.js';
export { completeLost, lostActivation } from './acceptance/lost-activations.js';
export { type ActivationEngine, HostAgent, type HostAgentEvents, type HostAgentParts } from './agent/host-agent.js';
export { HostServer, type HostServerOptions } from './agent/host-server.js';
export { WithheldRecords } from './agent/withheld-records.js';
export { HostGroup, registerGroupMetrics } from './gateway/host-group.js';
export { RemoteHost, type RemoteHostOptions } from './gateway/remote-host.js';
export { fewestUnanswered } from './placement/fewest-unanswered.js';
export type { HostCandidate, Placement } from './placement/placement.js';
export { HostLinkError, type HostLinkErrorCode } from './wire/errors.js';
export {
  type Address,
  MIN_SECRET_CHARS,
  type SecureListener,
  type SecureListenerOptions,
  connectSecurely,
  listenSecurely,
} from './wire/secure-stream.js';
