export { type Config, type ConfigSources, ConfigError, loadConfig } from './config/index.js';
export { createStandalone, type Standalone } from './assembly/standalone.js';
export type { OpenParts, Parts } from './assembly/host/parts.js';
export { StartError } from './assembly/process/start-error.js';
