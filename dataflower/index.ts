export { type Config, type ConfigSources, ConfigError, loadConfig } from './config/index.js';
export { createStandalone, type Standalone } from './assembly/standalone.js';
export { type OpenParts, type Parts } from './assembly/parts.js';
export { StartError } from './assembly/start-error.js';
