/**
 * Every service, with the variable of the environment that names a running one. A service that the variable names is used
 * as it is, and never started, stopped or cleared away.
 */
export const SERVICE_VARIABLES = {
  couchdb: 'COUCHDB_URL',
  docker: 'DOCKER_HOST',
} as const;

export type ServiceName = keyof typeof SERVICE_VARIABLES;

export const SERVICE_NAMES = Object.keys(SERVICE_VARIABLES) as readonly ServiceName[];

/** The command that starts a service. */
export function howToGet(name: ServiceName): string {
  return `npm run services -- up ${name}`;
}
