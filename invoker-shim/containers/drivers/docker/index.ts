export type { NetworkMode, NetworkOptions } from './network/container-network.js';
export { type ContainerLimitsSettings } from './container-settings.js';
export { DockerDriver, type DockerDriverOptions, openDockerDriver } from './docker-driver.js';
export { Engine as DockerEngine } from './engine/engine.js';
export { EngineError, type EngineErrorCode } from './engine/engine-error.js';
export { GuardError } from './network/network-guard.js';
