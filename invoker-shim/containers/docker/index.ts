export { DockerDriver, type DockerDriverOptions, openDockerDriver } from './docker-driver.js';
export { EngineError, type EngineErrorCode } from './engine-error.js';
