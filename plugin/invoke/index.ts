export { InvokeRoute } from './invoke-route.js';
export { Throttles } from './throttles.js';
