/** Time limit for the server's answer about itself, in ms. */
const ANSWER_MS = 5_000;

/** The part of the `openwhisk` client that asks the server itself. */
export interface Asking {
  readonly actions: {
    readonly client: {
      request(method: 'GET', path: string, options: Readonly<Record<string, number>>): Promise<unknown>;
    };
  };
}

/** Whether `GET /api/v1` was answered by a DataFlower server (OW-1, DV-39): OpenWhisk has a date where this says its name. */
export function isDataFlower(apiInfo: unknown): boolean {
  const { build } = (typeof apiInfo === 'object' && apiInfo !== null ? apiInfo : {}) as { build?: unknown };
  return typeof build === 'string' && build.startsWith('dataflower ');
}

/**
 * Asks a server whether it is a DataFlower server; undefined when it did not say, because it cannot be reached, takes too
 * long or cannot answer now. Never rejects.
 */
export async function askIfDataFlower({ actions }: Asking): Promise<boolean | undefined> {
  const limits = { open_timeout: ANSWER_MS, response_timeout: ANSWER_MS, read_timeout: ANSWER_MS };
  try {
    return isDataFlower(await actions.client.request('GET', '', limits));
  } catch (error) {
    const { statusCode } = error as { statusCode?: unknown };
    return typeof statusCode === 'number' && statusCode < 500 ? false : undefined;
  }
}

/** Warning about a workflow that is put on another server: OpenWhisk keeps its action, but cannot run it. */
export function otherServerWarning(form: 'composition' | 'graph', name: string): string {
  return `warning: this is not a DataFlower server, and only such a server can run a ${form}. The action ${name} is put there, and every call of it will fail and say so.`;
}
