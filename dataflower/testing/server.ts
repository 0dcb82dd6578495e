import { rm } from 'node:fs/promises';
import { type Reply, send, type Sent, temporaryDirectory } from '@dataflower/common/testing';
import { loadConfig } from '../config/index.js';
import { createStandalone, type Standalone } from '../assembly/standalone.js';
import { echoParts, type EchoParts } from './echo-parts.js';

/** A server whose host echoes payloads. */
export interface TestServer extends EchoParts {
  readonly server: Standalone;
  readonly url: string;
  readonly auth: string;
  readonly dataDir: string;
  /** Calls the API as `guest`; `path` follows `/api/v1/namespaces/_/`. */
  call(method: string, path: string, body?: unknown, sent?: Sent): Promise<Reply>;
  /** Creates or updates an action; `change` overrides members of the body. */
  action(name: string, change?: object): Promise<Reply>;
  close(): Promise<void>;
}

export async function startTestServer(overrides: Readonly<Record<string, unknown>> = {}): Promise<TestServer> {
  const dataDir = await temporaryDirectory();
  const server = { port: 0, ...(overrides.server as object | undefined) };
  const config = loadConfig({ environment: {}, overrides: { dataDir, logLevel: 'silent', ...overrides, server } });
  const parts = echoParts();
  const standalone = await createStandalone(config, () => Promise.resolve(parts));
  const { url, authorization: auth } = standalone;
  const call: TestServer['call'] = (method, path, body, sent) =>
    send(url, method, `/api/v1/namespaces/_/${path}`, { auth, ...(body === undefined ? {} : { body }), ...sent });
  return {
    ...parts,
    server: standalone,
    url,
    auth,
    dataDir,
    call,
    action: (name, change = {}) =>
      call('PUT', `actions/${encodeURIComponent(name)}?overwrite=true`, {
        exec: { kind: 'nodejs:20', code: 'function main(a) { return a }' },
        ...change,
      }),
    close: async () => {
      await standalone.close(0);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** `parameters` or `annotations` of a reply by key, since they have no order (OW-20). */
export function byKey(list: readonly { key: string; value: unknown }[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}
