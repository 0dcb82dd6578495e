import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import express from 'express';

/** CouchDB's own default for `max_document_size`. */
const MOST_DOCUMENT_BYTES = 8_000_000;
const DATABASE_NAME = /^(?:[a-z][a-z0-9_$()+-]*|_users|_replicator|_global_changes)$/;
/** Paths behind a database's name that are no documents. */
const DATABASE_PARTS = new Set(
  [
    '_all_docs',
    '_bulk_docs',
    '_bulk_get',
    '_changes',
    '_compact',
    '_ensure_full_commit',
    '_find',
    '_index',
    '_explain',
  ].concat(['_design', '_local', '_revs_diff', '_view_cleanup', '_temp_view']),
);

/** A document's ETag is its revision; what else express-pouchdb answers has none. */
export function documentTag(body) {
  if (!body.includes('"_rev":"')) return undefined;
  try {
    const { _rev: revision } = JSON.parse(body.toString());
    return revision === undefined ? undefined : `"${revision}"`;
  } catch {
    return undefined;
  }
}

/** The permissions of a database: kept and not checked, since its one user may do everything. */
function security(folder) {
  const file = join(folder, 'security.json');
  const read = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
  const router = express.Router();
  router.get('/:database/_security', ({ params }, response) => response.json(read()[params.database] ?? {}));
  router.put('/:database/_security', express.json(), ({ params, body }, response) => {
    writeFileSync(file, JSON.stringify({ ...read(), [params.database]: body }));
    response.json({ ok: true });
  });
  return router;
}

/** Where express-pouchdb alone would answer otherwise than CouchDB 3 does. */
export function likeCouchDb(folder) {
  const router = express.Router();
  const fail = (response, status, error, reason) => response.status(status).json({ error, reason });

  router.get('/', (_request, response) =>
    response.json({ couchdb: 'Welcome', version: '3.3.3', vendor: { name: 'A stand-in for tests' } }),
  );
  router.get('/_up', (_request, response) => response.json({ status: 'ok', seeds: {} }));
  router.get('/_uuids', ({ query }, response) => {
    const count = Math.min(Number(query.count ?? 1), 1000);
    response.json({ uuids: Array.from({ length: count }, () => randomBytes(16).toString('hex')) });
  });

  router.use(security(folder));
  router.use((request, response, next) => {
    const [, database = '', part, ...rest] = request.path.split('/');
    if (database.startsWith('_') && database !== '_all_dbs' && !DATABASE_NAME.test(database)) {
      return fail(response, 501, 'not_implemented', `The stand-in for CouchDB has no /${database}.`);
    }
    if (request.method === 'PUT' && part === undefined && !DATABASE_NAME.test(decodeURIComponent(database))) {
      return fail(
        response,
        400,
        'illegal_database_name',
        `Name: '${database}'. It must match ${DATABASE_NAME.source}.`,
      );
    }
    if (part?.startsWith('_') && !DATABASE_PARTS.has(part)) {
      return fail(response, 501, 'not_implemented', `The stand-in for CouchDB has no /DATABASE/${part}.`);
    }
    if (request.is('multipart/*')) {
      return fail(response, 415, 'bad_content_type', 'The stand-in for CouchDB takes no multipart bodies.');
    }
    const isDocument = part !== undefined && part !== '' && (!part.startsWith('_') || part === '_design');
    const isAttachment = rest.length > (part === '_design' ? 1 : 0);
    if (isDocument && !isAttachment) return document(request, response, next);
    return next();
  });

  function document(request, response, next) {
    const { headers, method } = request;
    if (method === 'PUT' && Number(headers['content-length'] ?? 0) > MOST_DOCUMENT_BYTES) {
      return fail(response, 413, 'document_too_large', 'The document is too large.');
    }
    const revision = request.query.rev ?? headers['if-match']?.replace(/^"|"$/g, '');
    if (revision !== undefined) withRevision(request, revision);
    else if (method === 'DELETE') return fail(response, 409, 'conflict', 'Document update conflict.');
    return next();
  }

  return router;
}

/** express-pouchdb knows the parameter `rev` only, not the header If-Match. */
function withRevision(request, revision) {
  if (request.query.rev !== undefined) return;
  request.url += `${request.url.includes('?') ? '&' : '?'}rev=${encodeURIComponent(revision)}`;
  request.query.rev = revision;
}
