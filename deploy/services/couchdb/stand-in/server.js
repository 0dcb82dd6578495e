/**
 * Serves CouchDB's API from a folder, by express-pouchdb: `node server.js FOLDER PORT`, with the administrator's name and
 * password in COUCHDB_USER and COUCHDB_PASSWORD. Listens on 127.0.0.1 alone. Runs where its packages are installed, apart
 * from the rest of this repository.
 */
import express from 'express';
import expressPouchDb from 'express-pouchdb';
import { mkdirSync } from 'node:fs';
import PouchDb from 'pouchdb';
import { authentication } from './authentication.js';
import { documentTag, likeCouchDb } from './like-couchdb.js';

const [folder, port] = process.argv.slice(2);
const { COUCHDB_USER: name, COUCHDB_PASSWORD: password } = process.env;
mkdirSync(folder, { recursive: true, mode: 0o700 });

const databases = expressPouchDb(PouchDb.defaults({ prefix: `${folder}/` }), {
  inMemoryConfig: true,
  mode: 'minimumForPouchDB',
  overrideMode: { include: ['routes/find'], exclude: ['routes/session-stub'] },
});
databases.set('etag', documentTag);

const app = express();
app.disable('x-powered-by');
app.use(authentication(name, password));
app.use(likeCouchDb(folder));
app.use(databases);
const server = app.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(`Ready at http://127.0.0.1:${server.address().port}\n`);
});
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
