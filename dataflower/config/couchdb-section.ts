import { flag, optionalText, optionalUrl, secret, section, textLike, whole } from './keys.js';

const MAX_MS = 2_147_483_647;

/** The connection to CouchDB. */
export const couchdb = section({
  url: optionalUrl('entities are kept in the data directory', {
    about:
      'Address of CouchDB 3, as `http://127.0.0.1:5984`. With it entities, users, activation records and metrics are kept there.',
    whenToChange: 'Several processes shall work on the same entities: set it for all of them.',
  }),
  username: optionalText('no credentials are sent', {
    about: 'User of CouchDB: a server administrator, or one of databases that exist already.',
    whenToChange: 'Start fails with "does not let us in": set it and the password.',
  }),
  password: secret('the one in `couchdb.passwordFile`', {
    about: 'Password of that user; better in a file or in the environment.',
    whenToChange: 'Start fails with "does not let us in": set it.',
  }),
  passwordFile: optionalText('none is read', {
    about: 'File with the password; white space at its end does not count.',
    whenToChange: 'The configuration file is read by more people than may know the password: set it.',
  }),
  prefix: textLike(
    'dataflower_',
    /^[a-z][a-z0-9_$()+-]{0,63}$/,
    'a lower case letter, then at most 63 of a-z 0-9 _ $ ( ) + -',
    {
      about:
        'Prefix of the names of the databases: `<prefix>whisks`, `<prefix>subjects`, `<prefix>activations`, `<prefix>metrics`.',
      whenToChange: 'Two installations share one CouchDB: give each its own.',
    },
  ),
  tls: section({
    caFile: optionalText("the system's authorities are trusted", {
      about: "File with the certificate authorities that may have signed CouchDB's certificate, as PEM.",
      whenToChange: 'Start fails with "self-signed certificate" or "unable to verify": set it.',
    }),
    insecure: flag(false, {
      about: "Takes any certificate for CouchDB's. Whoever is on the way can then read the password.",
      whenToChange: 'Never set it but to find out what is wrong with a certificate.',
    }),
  }),
  timeoutMs: whole(10_000, 100, MAX_MS, {
    about: 'Longest time of one operation with its retries, in milliseconds; then the caller gets 503.',
    whenToChange:
      'Large actions cannot be stored over a slow link: raise it. Callers wait too long while CouchDB is away: lower it.',
  }),
  retries: whole(2, 0, 20, {
    about: 'Further attempts when CouchDB cannot be reached or answers 429 or 5xx, with pauses of 100, 200, 400… ms.',
    whenToChange: 'Callers see 503 when CouchDB restarts: raise it, and `couchdb.timeoutMs` with it.',
  }),
  connections: whole(16, 4, 1000, {
    about: 'Most connections to CouchDB of one process. Two of them listen for changes.',
    whenToChange: 'Entities are slow while CouchDB is idle: raise it. CouchDB runs out of connections: lower it.',
  }),
  maxRequests: whole(1000, 16, 1_000_000, {
    about: 'Most requests that run or wait; one more gets 503 at once.',
    whenToChange: 'Memory grows while CouchDB is slow: lower it. Callers get 503 while it is not: raise it.',
  }),
  codeBytes: whole(4 * 1024 * 1024 * 1024, 1024 * 1024, 2 ** 50, {
    about:
      'Most bytes of copies of large code (over 16 KiB) in the data directory. What running activations may need is kept there until they end, whatever becomes of the actions.',
    whenToChange:
      'Invocations are answered with 503 and the log names this key: raise it. The disk is small: lower it.',
  }),
  startMs: whole(60_000, 0, MAX_MS, {
    about: 'How long a start waits for CouchDB, in milliseconds.',
    whenToChange: 'Start fails with "cannot be reached" though CouchDB comes up: raise it.',
  }),
  metrics: section({
    intervalMs: whole(60_000, 0, MAX_MS, {
      about:
        'Time between two documents with the counters of this process in `<prefix>metrics`, in milliseconds; 0: none are written.',
      whenToChange: 'Short runs leave too few documents behind: lower it.',
    }),
    keepMs: whole(86_400_000, 1000, 1e12, {
      about: 'How long those documents are kept, in milliseconds.',
      whenToChange: 'Runs are evaluated later than that: raise it. The database grows: lower it.',
    }),
  }),
  maxStaleMs: whole(3_600_000, 1000, MAX_MS, {
    about:
      'How long entities in memory are used while CouchDB cannot be heard, in milliseconds. Otherwise a change by another process is known within a round trip.',
    whenToChange:
      'Invocations shall go on through longer outages: raise it. Old code must not run for so long: lower it.',
  }),
});
