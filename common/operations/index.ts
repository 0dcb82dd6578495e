export { type HealthRoute, type ProcessDescription, healthRoute, isHealthPath } from './health-route.js';
export { renderedOnceASecond } from './metrics-text.js';
export { OperationsServer } from './operations-server.js';
