import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import express from 'express';

/** Paths that CouchDB answers without credentials. */
const OPEN = new Set(['/', '/_up', '/_session']);
const SESSION_MS = 600_000;

const digest = (text) => createHash('sha256').update(text).digest();
const same = (a, b) => timingSafeEqual(digest(a), digest(b));

/** One administrator, by HTTP's Basic or by the cookie of POST /_session; nobody else may do anything. */
export function authentication(name, password) {
  const sessions = new Map();
  const allowed = (user, secret) => same(`${user}\0${secret}`, `${name}\0${password}`);

  function basic(header = '') {
    if (!header.startsWith('Basic ')) return undefined;
    const [user, ...secret] = Buffer.from(header.slice(6), 'base64').toString().split(':');
    return allowed(user, secret.join(':'));
  }

  function cookie(header = '') {
    const token = /(?:^|;\s*)AuthSession=([^;]+)/.exec(header)?.[1];
    return token !== undefined && (sessions.get(token) ?? 0) > Date.now();
  }

  const refuse = (response, reason) => response.status(401).json({ error: 'unauthorized', reason });
  const router = express.Router();

  router.use((request, response, next) => {
    const known = basic(request.headers.authorization);
    if (known === false) return refuse(response, 'Name or password is incorrect.');
    request.isAdmin = known === true || cookie(request.headers.cookie);
    if (request.isAdmin || OPEN.has(request.path)) return next();
    return refuse(response, 'You are not authorized to access this db.');
  });

  router.get('/_session', ({ isAdmin }, response) =>
    response.json({
      ok: true,
      userCtx: { name: isAdmin ? name : null, roles: isAdmin ? ['_admin'] : [] },
      info: { authentication_handlers: ['cookie', 'default'], ...(isAdmin ? { authenticated: 'default' } : {}) },
    }),
  );
  router.post('/_session', express.json(), express.urlencoded({ extended: false }), ({ body }, response) => {
    if (!allowed(body.name ?? body.username, body.password)) {
      return refuse(response, 'Name or password is incorrect.');
    }
    for (const [token, end] of sessions) if (end < Date.now()) sessions.delete(token);
    const token = randomBytes(24).toString('base64url');
    sessions.set(token, Date.now() + SESSION_MS);
    response.cookie('AuthSession', token, { httpOnly: true, path: '/' });
    return response.json({ ok: true, name, roles: ['_admin'] });
  });
  router.delete('/_session', (_request, response) => response.clearCookie('AuthSession').json({ ok: true }));
  return router;
}
