import { isAlive } from './background-program.js';
import { SERVICE_VARIABLES, type ServiceName } from './names.js';
import { readState } from './state-file.js';

/** A service that a test may use. */
export interface FoundService {
  readonly name: ServiceName;
  /** As its variable of the environment would hold it: a URL with credentials for CouchDB, what `DOCKER_HOST` takes for Docker. */
  readonly address: string;
}

/**
 * Where a service is: what the environment says, else what `npm run services` has started or found. Undefined when
 * there is none. Looks at files and processes only, so it does not wait; it does not ask the service.
 */
export function serviceAddress(name: ServiceName, environment = process.env): string | undefined {
  const given = environment[SERVICE_VARIABLES[name]];
  if (given !== undefined && given !== '') return given;
  const state = readState(name);
  if (state === undefined || (state.process !== undefined && !isAlive(state.process))) return undefined;
  return state.address;
}
