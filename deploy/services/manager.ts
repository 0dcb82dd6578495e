import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { isAlive, stopProgram } from './background-program.js';
import { SERVICE_VARIABLES, type ServiceName } from './names.js';
import type { Service, StartedService } from './service.js';
import { SERVICES } from './services.js';
import { readState, removeState, servicesDirectory, writeState } from './state-file.js';

/** Where a service is and who runs it. */
export interface ServiceStatus {
  readonly name: ServiceName;
  /** `environment`: its variable names it; `found`: another program runs it; `started`: from here; `down`: nowhere. */
  readonly by: 'environment' | 'found' | 'started' | 'down';
  /** May hold a password. */
  readonly address?: string;
  readonly log?: string;
  /** Why it cannot be used, though it should be there. */
  readonly problem?: string;
}

export interface ManagerOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where state, logs and data go. Default: `.services` at the top of the repository. */
  readonly directory?: string;
}

/** Starts and stops services. A running service is used; a service that another program runs is never stopped. */
export class ServiceManager {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #directory: string;

  constructor({ environment = process.env, directory = servicesDirectory() }: ManagerOptions = {}) {
    this.#environment = environment;
    this.#directory = directory;
  }

  /**
   * Has the service up when it resolves; one that keeps data and was killed has them, and its address, again. Rejects when
   * it cannot be had; then nothing of it is left, but for the data of an earlier start.
   */
  async up(name: ServiceName, progress: (text: string) => void): Promise<ServiceStatus> {
    const now = await this.status(name);
    if (now.by !== 'down') {
      if (now.problem === undefined) return now;
      if (now.by === 'environment') throw new Error(now.problem);
    }
    const service = SERVICES[name];
    const before = readState(name, this.#directory);
    if (service.keepsData && before?.process !== undefined) {
      await stopProgram(before.process);
      return this.#start(service, progress, before);
    }
    // Files that a killed engine or a stopped machine has left.
    await this.down(name);
    const address = await service.find();
    if (address !== undefined) {
      writeState(name, { address }, this.#directory);
      return { name, by: 'found', address };
    }
    return this.#start(service, progress);
  }

  /** Stops what was started from here and removes what it left. True when there was something. */
  async down(name: ServiceName): Promise<boolean> {
    const state = readState(name, this.#directory);
    if (state === undefined) return false;
    if (state.process !== undefined) await stopProgram(state.process);
    if (state.log !== undefined) await SERVICES[name].clear(state);
    removeState(name, this.#directory);
    return true;
  }

  /** Asks the service itself. */
  async status(name: ServiceName): Promise<ServiceStatus> {
    const given = this.#environment[SERVICE_VARIABLES[name]];
    if (given !== undefined && given !== '') {
      return this.#asked({ name, by: 'environment', address: given }, `${SERVICE_VARIABLES[name]} is set, and`);
    }
    const state = readState(name, this.#directory);
    if (state === undefined) return { name, by: 'down' };
    if (state.log === undefined) return this.#asked({ name, by: 'found', address: state.address }, 'It was found, and');
    const started = { name, by: 'started', address: state.address, log: state.log } as const;
    if (state.process === undefined || !isAlive(state.process))
      return { ...started, problem: 'Its process has ended.' };
    return this.#asked(started, 'It was started, and');
  }

  async #start(service: Service, progress: (text: string) => void, before?: StartedService): Promise<ServiceStatus> {
    const { name } = service;
    const directory = path.join(this.#directory, name);
    const log = path.join(this.#directory, `${name}.log`);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const keep = (started: StartedService): void => writeState(name, started, this.#directory);
    try {
      const context = { directory, log, progress, keep, ...(before === undefined ? {} : { before }) };
      const started = await service.start(context);
      keep(started);
      return { name, by: started.log === undefined ? 'found' : 'started', address: started.address, ...logOf(started) };
    } catch (error) {
      // The data of an earlier start are there for the next attempt.
      if (before === undefined && !(await this.down(name))) removeState(name, this.#directory);
      throw error;
    }
  }

  async #asked(status: ServiceStatus, circumstances: string): Promise<ServiceStatus> {
    try {
      await SERVICES[status.name].ask(status.address!);
      return status;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { ...status, problem: `${circumstances} nothing answers there as ${status.name} should: ${why}` };
    }
  }
}

const logOf = ({ log }: StartedService): { log?: string } => (log === undefined ? {} : { log });
