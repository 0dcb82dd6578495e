export { type AgentSurroundings, createAgent } from './host/agent.js';
export { type Standalone, createStandalone } from './standalone.js';
export { StartError } from './process/start-error.js';
