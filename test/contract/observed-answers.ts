/** One request, and what Apache OpenWhisk (1fae641a, its standalone server) was seen to answer. */
export interface Observed {
  /** Method and path; a path without a slash in front is one of the caller's namespace. */
  readonly ask: string;
  /** Objects are sent as JSON, texts as they are. */
  readonly body?: unknown;
  /** Other headers than the usual ones; an empty one is left out. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  /** The member `error` of its body. */
  readonly error?: string;
  /** Headers of the answer. */
  readonly answer?: Readonly<Record<string, string>>;
}

const malformed = (detail: string): string => `The request content was malformed:\n${detail}`;
const NO_ROUTE = 'The requested resource could not be found.';
const ELSEWHERE = 'Resource by this name exists but is not in this collection.';
const ID = '00000000000000000000000000000000';
const outside = (ask: string): Observed => ({
  ask,
  status: 405,
  error: 'HTTP method not allowed, supported methods: OPTIONS',
  answer: { allow: 'OPTIONS', 'content-type': 'application/json' },
});
const noRoute = (ask: string, body?: unknown): Observed => ({ ask, body, status: 404, error: NO_ROUTE });
const realm = 'Basic realm="OpenWhisk secure realm",charset=UTF-8';
const refusedKey = (authorization: string, error: string): Observed => ({
  ask: 'GET /api/v1/namespaces',
  headers: { authorization },
  status: 401,
  error,
  answer: { 'www-authenticate': realm },
});
const NO_KEY = 'The resource requires authentication, which was not supplied with the request';
const WRONG_KEY = 'The supplied authentication is invalid';

/** Routes, methods, names of other kinds, authentication. */
export const ROUTES: readonly Observed[] = [
  outside('GET /api'),
  outside('GET /api/v2/namespaces'),
  outside('GET /nope'),
  noRoute('GET /api/v1/nope'),
  noRoute('DELETE /api/v1/namespaces'),
  noRoute('POST /api/v1/namespaces', {}),
  noRoute('PATCH /api/v1/namespaces', {}),
  {
    ask: 'TRACE /api/v1/namespaces',
    status: 405,
    error: 'HTTP method not allowed, supported methods: GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH',
    answer: { allow: 'GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH' },
  },
  { ask: 'HEAD actions', status: 404 },
  { ask: 'HEAD activations', status: 404 },
  { ask: 'HEAD actions/dz-echo', status: 404 },
  noRoute('PATCH activations', {}),
  noRoute('DELETE actions'),
  noRoute('POST actions', {}),
  noRoute('POST activations', {}),
  noRoute('PATCH actions/dz-echo', {}),
  noRoute(`PATCH activations/${ID}`, {}),
  noRoute(`POST activations/${ID}`, {}),
  noRoute(`PUT activations/${ID}`, {}),
  noRoute(`DELETE activations/${ID}/logs`),
  { ask: 'GET actions/dz-echo/', status: 409, error: ELSEWHERE },
  ...['GET', 'PUT', 'DELETE', 'POST'].flatMap((method) => [
    ...['packages', 'triggers', 'rules'].map((collection) => ({
      ask: `${method} ${collection}/dz-echo`,
      body: method === 'PUT' || method === 'POST' ? {} : undefined,
      status: 409,
      error: ELSEWHERE,
    })),
    {
      ask: `${method} actions/dz-echo/x`,
      body: method === 'PUT' || method === 'POST' ? {} : undefined,
      status: 409,
      error: ELSEWHERE,
    },
  ]),
  { ...refusedKey('', NO_KEY), ask: 'GET /api/v1/nope' },
  { ...refusedKey('', NO_KEY), ask: 'HEAD /api/v1/namespaces', error: undefined as unknown as string },
  ...['Basic', 'Basic  ', 'Basic !!!', 'Basic a b', 'Token x y'].map((header) => refusedKey(header, NO_KEY)),
  ...['Basic bm9jb2xvbg==', 'Basic YTpi', 'Basic MjNiYzQ2YjEtNzFmNi00ZWQ1', 'Basic Og=='].map((header) =>
    refusedKey(header, WRONG_KEY),
  ),
];

const query = (name: string, detail: string): string => `The query parameter '${name}' was malformed:\n${detail}`;

/** Query parameters. */
export const QUERIES: readonly Observed[] = [
  {
    ask: 'GET activations?limit=99999999999',
    status: 400,
    error: query('limit', "The value '99999999999' is not an integer for activations."),
  },
  {
    ask: 'GET actions?skip=2147483648',
    status: 400,
    error: query('skip', "The value '2147483648' is not an integer for actions."),
  },
  { ask: 'GET activations?since=-1', status: 200 },
  { ask: 'GET activations?count=&docs=', status: 200 },
  { ask: 'GET actions?count=', status: 200 },
  { ask: 'GET actions/dz-echo?code=', status: 200 },
  { ask: 'PUT actions/dz-echo?overwrite=', body: {}, status: 409, error: 'resource already exists' },
  { ask: 'POST actions/dz-echo?blocking=&result=', body: { y: 2 }, status: 202 },
  {
    ask: 'GET actions/dz-echo?code=x',
    status: 400,
    error: query('code', "'x' is not a valid Boolean value"),
  },
];

const exec = { kind: 'nodejs:20', code: 'x' };
const put = (body: unknown, error: string): Observed => ({
  ask: 'PUT actions/dz-one?overwrite=true',
  body,
  status: 400,
  error,
});
const putExec = (given: unknown, detail: string): Observed => put({ exec: given }, malformed(detail));
const putLimits = (limits: unknown, error: string): Observed => put({ exec, limits }, error);
const taken = (body: unknown): Observed => ({ ask: 'PUT actions/dz-one?overwrite=true', body, status: 200 });
const UNQUALIFIED =
  'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.';

/** Members of an action. */
export const MEMBERS: readonly Observed[] = [
  putExec([], 'JSON object expected'),
  putExec(5, 'JSON object expected'),
  putExec('x', 'JSON object expected'),
  putExec({ kind: 'nodejs:20', code: 5 }, 'Could not deserialize as attachment record: 5'),
  putExec({ kind: 'nodejs:20', code: {} }, 'Could not deserialize as attachment record: {}'),
  putExec({ kind: 'nodejs:20', code: null }, 'Could not deserialize as attachment record: null'),
  putExec({ ...exec, main: 5 }, "if defined, 'main' be a string in 'exec' for 'nodejs:20' actions"),
  putExec({ ...exec, main: null }, "if defined, 'main' be a string in 'exec' for 'nodejs:20' actions"),
  taken({ exec: { ...exec, main: '' } }),
  putExec({ kind: 'blackbox', image: '' }, 'could not parse image name'),
  putExec({ kind: 'blackbox', image: 'A/B' }, 'could not parse image name'),
  putExec({ kind: 'blackbox', image: 'a/b@sha256:abc' }, 'could not parse image name'),
  putExec({ kind: 'sequence', components: ['/_/'] }, UNQUALIFIED),
  putExec({ kind: 'sequence', components: ['x'] }, UNQUALIFIED),
  putExec({ kind: 'sequence', components: [''] }, 'requirement failed: path undefined'),
  putExec({ kind: 'sequence', components: ['/'] }, 'requirement failed: path undefined'),
  putExec({ kind: 'sequence', components: null }, "'components' must be an array"),
  putLimits([], malformed("Object expected in field 'timeout'")),
  putLimits('x', malformed("Object expected in field 'timeout'")),
  putLimits(
    { timeout: 300001 },
    'requirement failed: duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds',
  ),
  putLimits({ timeout: 'x' }, malformed('time limit malformed')),
  putLimits({ timeout: '1000' }, malformed('time limit malformed')),
  putLimits({ memory: 127 }, 'requirement failed: memory size 127 MB below allowed threshold of 128 MB'),
  putLimits({ memory: 'x' }, malformed('memory limit malformed')),
  putLimits({ memory: 200.5 }, malformed('requirement failed: memory limit must be whole number')),
  putLimits({ logs: 11 }, 'requirement failed: log size 11 MB exceeds allowed threshold of 10 MB'),
  putLimits({ logs: '1' }, malformed('log limit malformed')),
  putLimits({ concurrency: 2 }, 'requirement failed: concurrency 2 exceeds allowed threshold of 1'),
  putLimits({ concurrency: 'x' }, malformed('concurrency limit malformed')),
  putLimits({ timeout: 1, memory: 1 }, 'requirement failed: memory size 1 MB below allowed threshold of 128 MB'),
  {
    ...putLimits({ memory: 1 }, 'requirement failed: memory size 1 MB below allowed threshold of 128 MB'),
    ask: 'PUT actions/dz-echo',
  },
  put(
    { exec: { kind: 'sequence', components: ['/_/dz-echo'] }, limits: { memory: 1000000 } },
    'requirement failed: memory size 1000000 MB exceeds allowed threshold of 512 MB',
  ),
  taken({ exec, parameters: [{ key: '', value: 1 }] }),
  taken({ exec, annotations: [{ key: '', value: 1 }] }),
  taken({ exec, annotations: [{ key: ' ', value: 1 }] }),
  put({ exec, parameters: [{ key: 'a', value: 1, init: 'x' }] }, malformed('parameters malformed!')),
  put({ exec, parameters: [{ key: 'a', value: 1, init: null }] }, malformed('parameters malformed!')),
  put({ exec, annotations: [{ key: 'a', value: 1, init: 5 }] }, malformed('parameters malformed!')),
  taken({ exec, version: '1.2' }),
  taken({ exec, version: '1.2.3.4' }),
  ...['x', 5, '-1.0.0', '0.0.0', '', '1.x', '1..2', '2147483648.0.0', '.'.repeat(1000)].map((version) =>
    put({ exec, version }, malformed('semantic version malformed')),
  ),
  put({ exec, publish: 'x' }, malformed('Expected JsBoolean, but got "x"')),
];

const json = { 'content-type': 'application/json' };
const raw = (ask: string, body: string, detail: string): Observed => ({
  ask,
  body,
  headers: json,
  status: 400,
  error: malformed(detail),
});
const PUT = 'PUT actions/dz-one?overwrite=true';
const POST = 'POST actions/dz-echo?blocking=true&result=true';
const otherType = (ask: string, type: string, told: string): Observed => ({
  ask,
  body: '{}',
  headers: { 'content-type': type },
  status: 415,
  error: `The request's Content-Type [${told}] is not supported. Expected:\napplication/json`,
});
const UNKNOWN = 'application/octet-stream';
const NO_NAME = "Unexpected end-of-input at input index 1 (line 1, position 2), expected '\"':\n{\n ^\n";
const MARK = "Unexpected character 'ï' at input index 0 (line 1, position 1), expected JSON Value:\n\ufeff{}\n^\n";

/** Bodies and their types. */
export const BODIES: readonly Observed[] = [
  raw(PUT, '', 'Unexpected end-of-input at input index 0 (line 1, position 1), expected JSON Value:\n\n^\n'),
  raw(PUT, '{', NO_NAME),
  raw(POST, '{', NO_NAME),
  ...['null', '"x"', '[1,2]'].map((body) => raw(PUT, body, "Object expected in field 'exec'")),
  ...['null', '"x"', '[1,2]'].map((body) => raw(POST, body, 'JSON object expected')),
  raw(
    POST,
    '{"a":1} x',
    'Unexpected character \'x\' at input index 8 (line 1, position 9), expected end-of-input:\n{"a":1} x\n        ^\n',
  ),
  raw(PUT, "{'a':1}", "Unexpected character ''' at input index 1 (line 1, position 2), expected '\"':\n{'a':1}\n ^\n"),
  raw(PUT, '\ufeff{}', MARK),
  raw(POST, '\ufeff{}', MARK),
  raw(
    POST,
    '{"a":"\u0001"}',
    'Unexpected character \'\\u0001\' at input index 6 (line 1, position 7), expected \'"\':\n{"a":"?"}\n      ^\n',
  ),
  otherType(POST, '', UNKNOWN),
  otherType(PUT, '', UNKNOWN),
  otherType(PUT, 'nonsense', UNKNOWN),
  otherType(POST, 'text/plain', 'text/plain'),
  { ask: POST, headers: { 'content-type': '', 'content-length': '0' }, status: 200 },
  { ask: POST, body: '', headers: json, status: 200 },
];

/** Where this server answers otherwise: its own answer, what OpenWhisk's was, and the number of the deviation. */
export const OTHERWISE: readonly (Observed & { readonly deviation: string; readonly real: string })[] = [
  {
    deviation: 'DV-13',
    ask: 'POST actions/dz-log?blocking=true',
    body: {},
    status: 200,
    real: 'no logs in the answer, and no last line without an end in its record',
  },
  {
    deviation: 'DV-19',
    ask: `DELETE activations/${ID}`,
    status: 404,
    error: 'The requested resource does not exist.',
    real: NO_ROUTE,
  },
  {
    deviation: 'DV-31',
    ask: 'GET /ping',
    status: 200,
    answer: { 'access-control-allow-origin': '*' },
    real: 'no such header',
  },
  {
    ...putExec(5, 'JSON object expected'),
    deviation: 'DV-31',
    answer: { 'access-control-allow-origin': '*' },
    real: 'no such header',
  },
  {
    deviation: 'DV-32',
    ask: 'GET /docs',
    status: 308,
    answer: { location: '/api-docs' },
    real: 'docs/index.html?url=/api-docs',
  },
  { deviation: 'DV-32', ask: 'GET /api-docs', status: 200, real: 'all of OpenWhisk, with an ETag' },
  ...['/invokers', '/invokers/ready', '/activation/count'].map((path) => ({
    ...outside(`GET ${path}`),
    deviation: 'DV-33',
    real: 'the state of its invokers, and how many activations are under way',
  })),
  {
    ...putLimits(
      { timeout: 1000000000000 },
      'requirement failed: duration 1000000000000 milliseconds exceeds allowed threshold of 300000 milliseconds',
    ),
    deviation: 'DV-34',
    real: 'requirement failed: duration -727379968 milliseconds below allowed threshold of 100 milliseconds',
  },
  {
    ...putLimits(
      { memory: 1000000000000 },
      'requirement failed: memory size 1000000000000 MB exceeds allowed threshold of 512 MB',
    ),
    deviation: 'DV-34',
    real: malformed('requirement failed: a negative size of an object is not allowed.'),
  },
  {
    deviation: 'DV-35',
    ask: 'DELETE actions/a|b',
    status: 400,
    error: 'The name of the entity contains illegal characters.',
    answer: { 'content-type': 'application/json' },
    real: "Illegal request-target: Invalid input '|', in plain text",
  },
];
