type Operation = readonly [method: string, summary: string, ...parameters: string[]];

const NAMESPACE = '/namespaces/{namespace}';
const LIST = ['limit', 'skip', 'count'];

const PATHS: Readonly<Record<string, readonly Operation[]>> = {
  '/namespaces': [['get', 'The namespace of the caller']],
  [`${NAMESPACE}/limits`]: [['get', 'The limits of the namespace']],
  [`${NAMESPACE}/actions`]: [['get', 'The actions of the namespace', ...LIST]],
  [`${NAMESPACE}/actions/{actionName}`]: [
    ['get', 'One action', 'code'],
    ['put', 'Create or update an action', 'overwrite'],
    ['delete', 'Delete an action'],
    ['post', 'Invoke an action', 'blocking', 'result', 'timeout'],
  ],
  [`${NAMESPACE}/activations`]: [['get', 'The activations of the namespace', 'name', 'since', 'upto', 'docs', ...LIST]],
  [`${NAMESPACE}/activations/{activationId}`]: [
    ['get', 'One activation'],
    ['delete', 'Cancel an activation that has not ended', 'reason'],
  ],
  [`${NAMESPACE}/activations/{activationId}/logs`]: [['get', 'The logs of an activation']],
  [`${NAMESPACE}/activations/{activationId}/result`]: [['get', 'The result of an activation']],
};

/** `GET /api/v1/api-docs`: the operations of the API as a Swagger 2.0 document. */
export function apiDocs(version: string): object {
  return {
    swagger: '2.0',
    info: { title: 'OpenWhisk REST API', version },
    basePath: '/api/v1',
    securityDefinitions: { basicAuth: { type: 'basic' } },
    security: [{ basicAuth: [] }],
    paths: Object.fromEntries(Object.entries(PATHS).map(([path, operations]) => [path, pathItem(path, operations)])),
  };
}

function pathItem(path: string, operations: readonly Operation[]): object {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    type: 'string',
  }));
  return Object.fromEntries(
    operations.map(([method, summary, ...parameters]) => {
      const inQuery = parameters.map((name) => ({ name, in: 'query', required: false, type: 'string' }));
      return [
        method,
        { summary, parameters: [...inPath, ...inQuery], responses: { default: { description: 'See OpenWhisk' } } },
      ];
    }),
  );
}
