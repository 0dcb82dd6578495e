export {
  conductorAction,
  conductorCode,
  type ConductorOptions,
  type Deployment,
  type NamedAction,
} from './generate.js';
