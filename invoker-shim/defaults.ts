// Defaults that the configuration of the executable shares: this file loads nothing of the agent.
export { CONTAINER_DEFAULTS } from './containers/pool/defaults.js';
export { BUDGET_LIMITS } from './engine/activation/budget.js';
