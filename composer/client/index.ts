export { isDataFlower, otherServerWarning } from './platform.js';
export { checkComposed, type Composed, deployComposition } from './deploy-composition.js';
export { openwhisk, type ClientOptions, type DeployedAction, type OpenWhisk } from './openwhisk.js';
export { type Authentication, clientOptions, trimmedHost, wskProperties } from './settings.js';
