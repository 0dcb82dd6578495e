export { USERS_PATH, addUser, adminRoute, newOperatorKey, userJson } from './admin.js';
export { HttpServer } from './http-server.js';
export { RequestCounts } from './request-counts.js';
export { type HostReport, STATUS_PATH, type StatusReport, statusReport } from './status.js';
