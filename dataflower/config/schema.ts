import { CONTAINER_DEFAULTS } from '@dataflower/invoker-shim/defaults';
import { z } from 'zod';
import { cluster, hosts } from './cluster-section.js';
import { couchdb } from './couchdb-section.js';
import { images } from './images-section.js';
import { isolation } from './isolation-section.js';
import { telemetry } from './telemetry-section.js';
import { choice, flag, optionalText, optionalWhole, range, section, text, texts, whole } from './keys.js';
import { poolKeys } from './pool-keys.js';
import { workflowKeys } from './workflow-keys.js';

const MAX_BYTES = 2 ** 40;
const MAX_MS = 2_147_483_647;

const server = section({
  host: text('127.0.0.1', {
    about: 'Address to listen on.',
    whenToChange:
      'Only this machine can connect: that is on purpose, above all while containers are child processes without isolation. Set 0.0.0.0 only on a network you trust, with Docker (or `containers.processOffLoopback`), and name the machine in `server.names`.',
  }),
  port: whole(3233, 0, 65535, {
    about: 'TCP port to listen on; 0 takes a free one.',
    whenToChange: 'Start fails with "port in use": choose another.',
  }),
  names: texts({
    about:
      'Further host names under which clients may call, each with any port unless it names one; loopback names are always allowed.',
    whenToChange: 'Clients get 403 "The Host header … is not allowed": add the name they use.',
  }),
  apiHost: optionalText('the address it listens on', {
    about: 'Address of the API as actions see it in `__OW_API_HOST`, with scheme.',
    whenToChange: 'Actions that call the API back cannot reach it: set the address that they can.',
  }),
  maxConnections: whole(10_000, 1, 1_000_000, {
    about: 'Most connections at once.',
    whenToChange: 'Clients are disconnected at once under load: raise it, and the limit of open files with it.',
  }),
  maxBodyBytes: whole(52_428_800, 1024, MAX_BYTES, {
    about: 'Largest request body of the API except invocations, in bytes.',
    whenToChange: 'A create is refused with 413 "Request larger than allowed": raise it.',
  }),
  headersTimeoutMs: whole(20_000, 100, MAX_MS, {
    about: 'Time a client has to send its request headers, in milliseconds.',
    whenToChange: 'Slow links are cut off with 408: raise it. Many half-open connections: lower it.',
  }),
  requestTimeoutMs: whole(65_000, 100, MAX_MS, {
    about: 'Time a client has to send its whole request, in milliseconds.',
    whenToChange: 'Large uploads are cut off with 408: raise it.',
  }),
  keepAliveTimeoutMs: whole(70_000, 0, MAX_MS, {
    about: 'How long an idle connection stays open, in milliseconds.',
    whenToChange: 'Proxies in front report resets of idle connections: raise it above theirs.',
  }),
  drainMs: whole(10_000, 0, MAX_MS, {
    about: 'Time running activations have to end at shutdown, in milliseconds.',
    whenToChange: 'Long actions are cut off at a stop: raise it. A stop takes too long: lower it.',
  }),
});

const throttles = section({
  invocationsPerMinute: whole(6000, 0, 1e9, {
    about: "Invocations of one namespace in one minute of the clock. OpenWhisk's default is 60.",
    whenToChange: 'Callers get 429 "Too many requests in the last minute": raise it.',
  }),
  concurrentInvocations: whole(1000, 0, 1e9, {
    about: "Invocations of one namespace that run at once. OpenWhisk's default is 30.",
    whenToChange: 'Callers get 429 "Too many concurrent requests in flight": raise it.',
  }),
  firesPerMinute: whole(6000, 0, 1e9, {
    about: "Trigger fires of one namespace in one minute. OpenWhisk's default is 60.",
    whenToChange: 'Event sources get 429: raise it.',
  }),
  queuedActivations: whole(10_000, 1, 1e9, {
    about:
      'Activations of all namespaces together that are accepted and not yet answered. One namespace alone may have nine tenths of them, several that want more share evenly.',
    whenToChange:
      'Callers get 429 "Too many requests", or "Too many concurrent requests in flight" with fewer than `throttles.concurrentInvocations`, while memory is left: raise it. Memory grows under load: lower it.',
  }),
});

const limits = section({
  memoryMiB: range(128, 256, 512, 'MiB', 'memory'),
  timeoutMs: range(100, 60_000, 300_000, 'milliseconds', 'time'),
  logsMiB: range(0, 10, 10, 'MiB', 'log size'),
  concurrency: range(1, 1, 1, 'activations a container', 'concurrency'),
  sequenceLength: whole(50, 1, 10_000, {
    about: 'Most actions of a sequence, nested sequences counted through, or along one path of a composition.',
    whenToChange: 'A sequence is refused with "Too many actions in the sequence.": raise it.',
  }),
  workflowActions: whole(1000, 1, 100_000, {
    about:
      'Most different actions that one workflow may name, those of the workflows in it counted in. They are looked up before it starts.',
    whenToChange:
      'An invocation is refused with "names more than … different actions": raise it, or split the workflow.',
  }),
  codeBytes: whole(50_331_648, 1, MAX_BYTES, {
    about: 'Largest code of an action, in bytes (of the base64 text for an archive).',
    whenToChange:
      'A create is refused with 413 "exec larger than allowed": raise it, and `server.maxBodyBytes` with it.',
  }),
  parametersBytes: whole(1_048_576, 1, MAX_BYTES, {
    about: 'Largest bound parameters, and largest annotations, of an entity, in bytes.',
    whenToChange: 'A create is refused with 413 "parameters larger than allowed": raise it.',
  }),
  payloadBytes: whole(1_048_576, 1, MAX_BYTES, {
    about:
      'Largest payload of an invocation, in bytes. Values between the functions of a workflow are not bound by it.',
    whenToChange: 'An invocation is refused with 413 "Request larger than allowed": raise it.',
  }),
  resultBytes: whole(1_048_576, 1, MAX_BYTES, {
    about: 'Largest result of an invocation that goes out over the API, in bytes.',
    whenToChange: 'A result is cut with "exceeded the allowed length": raise it.',
  }),
  blockingWaitMs: whole(60_000, 1, MAX_MS, {
    about: 'Longest time a blocking invocation waits before it is answered with 202 and the id, in milliseconds.',
    whenToChange: 'Blocking callers get 202 before their action ends: raise it.',
  }),
  ...workflowKeys,
});

const containers = section({
  images,
  ...isolation,
  max: optionalWhole('4 a core, at least 16', 1, 100_000, {
    about: 'Most containers at once.',
    whenToChange:
      'Activations wait (`waitTime` grows) while cores are idle: raise it. The machine swaps or thrashes: lower it.',
  }),
  maxPerAction: optionalWhole('no bound of its own, `containers.max` holds', 1, 100_000, {
    about: 'Most containers of one action at once, counted for each namespace that invokes it.',
    whenToChange:
      'One busy action takes the containers of all others: lower it. It queues while containers are free: raise it.',
  }),
  memoryMiB: optionalWhole("three quarters of the machine's memory", 128, 1e9, {
    about: "Sum of the containers' memory limits, in MiB.",
    whenToChange: 'Activations wait while memory is free: raise it. The machine swaps: lower it.',
  }),
  ...poolKeys,
  helloTimeoutMs: whole(CONTAINER_DEFAULTS.helloTimeoutMs, 100, MAX_MS, {
    about: 'Time a container has to start and say hello, in milliseconds.',
    whenToChange: 'Activations fail with "Failed to provision resources" on a slow machine: raise it.',
  }),
});

const sink = section({
  limitBytes: whole(268_435_456, 1024, MAX_BYTES, {
    about:
      'Memory for values that wait for their consumers, in bytes. One namespace alone has nine tenths of it, several that want more share evenly; beyond its share what waits is written to disk.',
    whenToChange:
      'Producers are held back for long, or activations fail naming this limit: raise it. The server uses too much memory: lower it.',
  }),
});

const records = section({
  maxBytes: whole(1_073_741_824, 65_536, MAX_BYTES, {
    about:
      'Most bytes of activation records kept on disk; the oldest go first. With CouchDB, most that wait for it: then new invocations get 503.',
    whenToChange:
      'Old activations vanish too early, or callers get 503 during an outage of CouchDB: raise it. The disk fills: lower it.',
  }),
  maxAgeMs: whole(604_800_000, 1000, 1e13, {
    about: 'How long activation records are kept, in milliseconds, on disk and in CouchDB.',
    whenToChange: 'Old activations vanish too early: raise it. CouchDB grows: lower it.',
  }),
  maxCount: optionalWhole('as many as came within `records.maxAgeMs`', 1, 1e12, {
    about: 'Most activation records kept in CouchDB; the oldest go first, in steps every ten minutes or so.',
    whenToChange: 'CouchDB grows beyond its disk under load: set it.',
  }),
});

/** Everything that can be configured. The reference page and the environment variables are made from it. */
export const schema = z.strictObject({
  server,
  dataDir: text('~/.dataflower', {
    about: 'Directory for entities, records and keys; made when absent. `~` is the home directory.',
    whenToChange: 'Start fails with "cannot be written" or "is in use": choose another.',
  }),
  wellKnownKey: flag(false, {
    about: "Gives the namespace `guest` OpenWhisk's well-known development key. Refused off loopback.",
    whenToChange: 'A script has that key built in: set it.',
  }),
  throttles,
  limits,
  containers,
  sink,
  records,
  couchdb,
  telemetry,
  cluster,
  hosts,
  logLevel: choice('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    about: 'Lowest level of the lines that go to the log on standard error.',
    whenToChange: 'Something fails and the log does not say why: `debug`. Too much: `warn`.',
  }),
});

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly E[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** A checked configuration, frozen. */
export type Config = DeepReadonly<z.infer<typeof schema>>;
