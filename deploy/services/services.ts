import { couchDb } from './couchdb/couchdb.js';
import { docker } from './docker/docker.js';
import type { ServiceName } from './names.js';
import type { Service } from './service.js';

export const SERVICES: Readonly<Record<ServiceName, Service>> = { couchdb: couchDb, docker };
