export { TargetResolver } from './resolver.js';
export { StoreCode } from './target-codes.js';
