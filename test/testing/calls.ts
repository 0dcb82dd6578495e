import type { Api, Asking, Reply, Json } from './api.js';

/** An activation record, as the API shows it. */
export interface ActivationRecord {
  readonly namespace: string;
  readonly name: string;
  readonly subject: string;
  readonly activationId: string;
  readonly start: number;
  readonly end: number;
  readonly duration: number;
  readonly version: string;
  readonly publish: boolean;
  readonly cause?: string;
  readonly response: {
    readonly status: string;
    readonly success: boolean;
    readonly result: Json;
    readonly size?: number;
  };
  readonly logs: readonly string[];
  readonly annotations: readonly { readonly key: string; readonly value: Json }[];
}

export const KIND = 'nodejs:20';

/** A key-value list as an object: OpenWhisk's order of them means nothing. */
export function byKey(list: readonly { readonly key: string; readonly value?: unknown }[]): Record<string, Json> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}

/** Puts an action of this code, new or not; throws what the server says against it. */
export async function putAction(
  api: Api,
  name: string,
  code: string | Buffer,
  more: { main?: string; [member: string]: unknown } = {},
): Promise<Json> {
  const { main, ...rest } = more;
  const text = typeof code === 'string' ? code : code.toString('base64');
  const body = { exec: { kind: KIND, code: text, ...(main === undefined ? {} : { main }) }, ...rest };
  return expectOk(await api.put(`_/actions/${encodeURIComponent(name)}?overwrite=true`, body));
}

/**
 * Puts an action that ends when its parameter `gate` names a file that is there: it gives `{done: true}`. It has as long as an
 * action can have.
 */
export function putGated(api: Api, name: string, more: { readonly limits?: object } = {}): Promise<Json> {
  const code =
    "const fs=require('fs');async function main({gate}){while(!fs.existsSync(gate))await new Promise(r=>setTimeout(r,5));return {done:true}}";
  return putAction(api, name, code, { limits: { timeout: 300_000, ...more.limits } });
}

/** Puts the actions that the programs of `integration/fixtures/programs.cjs` call. */
export async function putProgramActions(api: Api): Promise<void> {
  await Promise.all([
    putAction(api, 'echo', 'function main(a){return a}'),
    putAction(api, 'rec', 'function main(a){return {got:a}}'),
    putAction(api, 'inc', 'function main({n}){return {n:n+1}}'),
    putAction(api, 'fail', "function main(){return {error:'boom',extra:1}}"),
  ]);
}

/** Puts a sequence of actions of the caller's namespace. */
export async function putSequence(
  api: Api,
  name: string,
  components: readonly string[],
  more: object = {},
): Promise<Json> {
  const exec = { kind: 'sequence', components: components.map((component) => `/_/${component}`) };
  return expectOk(await api.put(`_/actions/${encodeURIComponent(name)}?overwrite=true`, { exec, ...more }));
}

/** Puts a graph, as `dataflower deploy` does. */
export async function putGraph(api: Api, name: string, graph: unknown, more: object = {}): Promise<Json> {
  const annotations = [{ key: 'dataflower', value: { version: 1, graph } }];
  return putAction(api, name, "function main() { return { error: 'This runs by data flow only.' } }", {
    annotations,
    ...more,
  });
}

/** Invokes and waits; gives the reply, whatever its status. */
export function run(api: Api, name: string, payload: unknown = {}, asking?: Asking): Promise<Reply> {
  return api.post(`_/actions/${encodeURIComponent(name)}?blocking=true`, payload, asking);
}

/** Invokes, waits, and gives the record of a call that was answered with one. */
export async function record(
  api: Api,
  name: string,
  payload: unknown = {},
  asking?: Asking,
): Promise<ActivationRecord> {
  const reply = await run(api, name, payload, asking);
  if (reply.json?.activationId === undefined || reply.status === 202) {
    throw new Error(`${name} answered ${reply.status}: ${reply.text.slice(0, 2000)}`);
  }
  return reply.json as ActivationRecord;
}

/** Invokes, waits, and gives the result of a success; throws anything else. */
export async function result(api: Api, name: string, payload: unknown = {}, asking?: Asking): Promise<Json> {
  const path = `_/actions/${encodeURIComponent(name)}?blocking=true&result=true`;
  return expectOk(await api.post(path, payload, asking));
}

/** A stored record; throws when it is not there. */
export async function stored(api: Api, activationId: string): Promise<ActivationRecord> {
  return (await expectOk(await api.get(`_/activations/${activationId}`))) as ActivationRecord;
}

/** The records of a workflow's direct parts, in the order of its logs. */
export async function parts(api: Api, { logs }: Pick<ActivationRecord, 'logs'>): Promise<ActivationRecord[]> {
  return Promise.all(logs.map((id) => stored(api, id)));
}

export function expectOk(reply: Reply): Json {
  if (reply.status !== 200) throw new Error(`The answer is ${reply.status}: ${reply.text.slice(0, 2000)}`);
  return reply.json;
}
