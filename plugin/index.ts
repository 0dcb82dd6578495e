export { type Config, type ConfigSources, ConfigError, loadConfig } from './config/index.js';
export { createStandalone, type Standalone } from './standalone/standalone.js';
export { type OpenParts, type Parts } from './standalone/parts.js';
export { StartError } from './standalone/start-error.js';
