export { type NetworkMode, type NetworkOptions } from './container-network.js';
export { type ContainerLimitsSettings } from './container-settings.js';
export { DockerDriver, type DockerDriverOptions, openDockerDriver } from './docker-driver.js';
export { Engine as DockerEngine } from './engine.js';
export { EngineError, type EngineErrorCode } from './engine-error.js';
export { GuardError } from './network-guard.js';
