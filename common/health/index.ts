export { type Finding, Health, type HealthCheck, type HealthReport, type Severity } from './health.js';
