export { type TestServer, byKey, startTestServer } from './server.js';
