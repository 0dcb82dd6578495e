export { type Config } from './schema.js';
export { type ConfigSources, loadConfig } from './load.js';
export { ConfigError } from './problem.js';
export { referencePage } from './reference.js';
export { parseAddress } from './cluster-section.js';
