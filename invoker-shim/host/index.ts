export { HostLinkError, type HostLinkErrorCode } from './wire/errors.js';
export { HostServer, type HostServerOptions } from './agent/host-server.js';
export { type HostLoad, type HostReach, RemoteHost, type RemoteHostOptions } from './gateway/remote-host.js';
export {
  type Address,
  MIN_SECRET_CHARS,
  type SecureListener,
  type SecureListenerOptions,
  connectSecurely,
  listenSecurely,
} from './wire/secure-stream.js';
export { WithheldRecords } from './agent/withheld-records.js';
