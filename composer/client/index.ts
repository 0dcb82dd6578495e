export { isDataFlower, otherServerWarning } from './platform.js';
export { checkComposed, type Composed } from './composed.js';
export { deployComposition } from './deploy-composition.js';
export { openwhisk, type ClientOptions, type DeployedAction, type OpenWhisk } from './openwhisk.js';
export { trimmedHost, wskProperties } from './properties.js';
export { clientOptions, type Authentication } from './settings.js';
