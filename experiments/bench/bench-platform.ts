import { readFileSync } from 'node:fs';
import openwhisk, { type Client } from 'openwhisk';
import { type Platform, startPlatform } from '../platform/platform.js';
import { containerShims } from './engine-processes.js';
import { call, HttpConnection, postRequest } from './http-client.js';
import { ContainerPins, coreOf, pin, type Placement } from './placement.js';

/** A platform under measurement: pinned, its throttles out of the way, its records on. */
export interface BenchPlatform {
  readonly client: Client;
  readonly pid: number;
  readonly url: URL;
  readonly pins: ContainerPins;
  /** A keep-alive connection. All are closed by `stop`. */
  connect(): Promise<HttpConnection>;
  /** The bytes of a blocking invocation. With `result` the answer is the result alone, else the whole record. */
  invocation(action: string, payload: object, result?: boolean): Buffer;
  /** Invokes once and gives the result. */
  invoke(action: string, payload: object): Promise<unknown>;
  /** Says that `invocations` more of an action with so many records each have been made. */
  expectRecords(invocations: number, recordsEach: number): void;
  /** Records that should be there by now. */
  readonly expectedRecords: number;
  /** Reads through REST how many records there are. Throws when they are not as many as expected. */
  checkRecords(): Promise<number>;
  stop(): Promise<void>;
}

/** Settings of a platform under measurement: nothing refuses or forgets what a bench does, everything else is as shipped. */
export const PLATFORM_SETTINGS = {
  DATAFLOWER_THROTTLES_INVOCATIONS_PER_MINUTE: '1000000000',
  DATAFLOWER_THROTTLES_CONCURRENT_INVOCATIONS: '1000000000',
  DATAFLOWER_THROTTLES_QUEUED_ACTIVATIONS: '1000000',
  // There is one namespace: nothing is kept back for others.
  DATAFLOWER_CONTAINERS_NAMESPACE_SHARE: '100',
  DATAFLOWER_RECORDS_MAX_BYTES: String(64 * 2 ** 30),
};

const COUNT_TIMEOUT_MS = 15_000;

/** @param placement Undefined: everything on every core, as the scheduler likes. */
export async function startBenchPlatform(
  placement: Placement | undefined,
  settings: Readonly<Record<string, string>> = {},
  onOutput?: (text: string) => void,
): Promise<BenchPlatform> {
  if (placement !== undefined) pin(process.pid, coreOf.client[placement]);
  const shims = settings.DATAFLOWER_CONTAINERS_DRIVER === 'docker' ? containerShims() : () => [];
  const platform = await startPlatform({
    environment: { ...PLATFORM_SETTINGS, ...settings },
    ...(placement === undefined ? {} : { core: coreOf.platform[placement] }),
    ...(onOutput === undefined ? {} : { onOutput }),
  });
  return benchPlatform(
    platform,
    new ContainerPins(() => [platform.pid, ...shims()], coreOf.containers[placement ?? 'C']),
  );
}

/** The uses of a running platform in benches. */
export function benchPlatform(platform: Platform, pins: ContainerPins): BenchPlatform {
  const url = new URL(platform.url);
  const Authorization = `Basic ${Buffer.from(platform.authorization).toString('base64')}`;
  const client = openwhisk({ apihost: platform.url, api_key: platform.authorization });
  const connections: HttpConnection[] = [];
  let expected = 0;
  const connect = async (): Promise<HttpConnection> => {
    const connection = await HttpConnection.open(url);
    connections.push(connection);
    return connection;
  };
  const invocation = (action: string, payload: object, result = true): Buffer => {
    const path = `/api/v1/namespaces/_/actions/${action}?blocking=true&result=${String(result)}`;
    return postRequest(url, path, { Authorization }, JSON.stringify(payload));
  };
  const count = async (): Promise<number> => {
    const reply = await fetch(`${platform.url}/api/v1/namespaces/_/activations?count=true`, {
      headers: { Authorization },
    });
    return ((await reply.json()) as { activations: number }).activations;
  };
  return {
    client,
    pid: platform.pid,
    url,
    pins,
    connect,
    invocation,
    async invoke(action, payload) {
      connections[0] ??= await connect();
      return JSON.parse(await call(connections[0], invocation(action, payload))) as unknown;
    },
    expectRecords(invocations, recordsEach) {
      expected += invocations * recordsEach;
    },
    get expectedRecords() {
      return expected;
    },
    async checkRecords() {
      // The record of a workflow is complete, and written, only when its last part has ended.
      const deadline = performance.now() + COUNT_TIMEOUT_MS;
      let found = await count();
      while (found < expected && performance.now() < deadline) found = await count();
      if (found === expected) return found;
      throw new Error(`There should be ${expected} activation records and there are ${found}.`);
    },
    async stop() {
      for (const connection of connections) connection.close();
      await platform.stop();
    },
  };
}

/** The code of one of the bench's actions. */
export function actionCode(name: string): string {
  return readFileSync(new URL(`../../bench/actions/${name}.js`, import.meta.url), 'utf8');
}

/** Creates an action from a file of the bench, under the same name or another. */
export async function createAction({ client }: BenchPlatform, file: string, name = file): Promise<void> {
  const limits = { timeout: 120_000, memory: 256 };
  await client.actions.update({ name, kind: 'nodejs:20', action: actionCode(file), limits });
}

export async function createSequence(
  { client }: BenchPlatform,
  name: string,
  actions: readonly string[],
): Promise<void> {
  const sequence = actions.map((action) => `/_/${action}`);
  await client.actions.update({ name, sequence } as Parameters<Client['actions']['update']>[0]);
}

/** A graph as an action with the annotation that makes it one. */
export async function createGraph({ client }: BenchPlatform, name: string, graph: object): Promise<void> {
  const action = "function main() { return { error: 'This workflow runs by data flow.' } }";
  const annotations = { dataflower: { version: 1, graph } };
  await client.actions.update({ name, kind: 'nodejs:20', action, annotations });
}

/** Runs `work` with a platform that is stopped afterwards, whatever happens; its records are counted when all went well. */
export async function withPlatform<T>(
  placement: Placement,
  settings: Readonly<Record<string, string>>,
  work: (platform: BenchPlatform) => Promise<T>,
): Promise<T> {
  const platform = await startBenchPlatform(placement, settings);
  try {
    const result = await work(platform);
    await platform.checkRecords();
    return result;
  } finally {
    await platform.stop();
  }
}
