export { TargetResolver } from './resolver.js';
export { StoreCode } from './store-code.js';
