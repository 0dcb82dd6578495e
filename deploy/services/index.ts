export { describeWithService } from './testing/describe-with-service.js';
export { type Asked, type Fault, type FaultProxy, startFaultProxy } from './testing/fault-proxy.js';
export { couchAddress, type CouchAddress, dropDatabases, newPrefix } from './testing/couch-databases.js';
export { type FoundService, serviceAddress } from './found-service.js';
export { type CouchDbStandIn, type StandInOptions, startCouchDbStandIn } from './couchdb/stand-in.js';
export { dockerOptions } from './docker/docker-options.js';
export type { ServiceName } from './names.js';
