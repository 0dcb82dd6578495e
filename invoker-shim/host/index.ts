export { HostLinkError, type HostLinkErrorCode } from './errors.js';
export { HostServer, type HostServerOptions } from './host-server.js';
export { type HostLoad, type HostReach, RemoteHost, type RemoteHostOptions } from './remote-host.js';
export {
  type Address,
  MIN_SECRET_CHARS,
  type SecureListener,
  type SecureListenerOptions,
  connectSecurely,
  listenSecurely,
} from './secure-stream.js';
export { WithheldRecords } from './withheld-records.js';
