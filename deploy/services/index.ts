export { describeWithService } from './testing/describe-with-service.js';
export { type FoundService, serviceAddress } from './found-service.js';
export { type CouchDbStandIn, type StandInOptions, startCouchDbStandIn } from './couchdb/stand-in.js';
export { dockerOptions } from './docker/docker-options.js';
export type { ServiceName } from './names.js';
