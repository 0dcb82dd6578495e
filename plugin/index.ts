export { type Config, type ConfigSources, ConfigError, loadConfig } from './config/index.js';
export { createStandalone, type OpenParts, type Parts, type Standalone } from './standalone/standalone.js';
export { StartError } from './standalone/start-error.js';
