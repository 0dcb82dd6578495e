/* eslint @typescript-eslint/no-explicit-any: off, @typescript-eslint/no-unsafe-assignment: off, @typescript-eslint/no-unsafe-member-access: off, @typescript-eslint/no-unsafe-argument: off, @typescript-eslint/no-unsafe-call: off, @typescript-eslint/no-unsafe-return: off -- the original has no types */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { copy, type Json } from './functions.js';
import type { Invoke } from './run-graph.js';

const require = createRequire(import.meta.url);
/** The folder of an installed `openwhisk-composer` 0.12.0, when the tests shall run against it. */
export const originalFolder = process.env.COMPOSER_ORIGINAL;
const part = (name: string): any => (originalFolder === undefined ? undefined : require(join(originalFolder, name)));

/** Apache OpenWhisk Composer itself; undefined without its folder. */
export const original = part('composer');
const conductor = part('conductor');

/** The code that the original deploys for a composition. */
export function generate(compiled: object, ...more: unknown[]): any {
  return conductor.generate(compiled, ...more);
}

/** Just enough of redis for the original's parallel and map, in this process. */
class Redis {
  readonly lists = new Map<string, string[]>();
  readonly waiting = new Map<string, () => void>();
  on(): void {}
  end(): void {}
  async brpopAsync(key: string): Promise<[string, string]> {
    while (!this.lists.has(key)) await new Promise<void>((resolve) => this.waiting.set(key, resolve));
    return [key, this.lists.get(key)!.pop()!];
  }
  call(command: string, args: any[]): unknown {
    const [key, value] = args as [string, any];
    const list = this.lists.get(key) ?? [];
    switch (command) {
      case 'lpush':
      case 'lpushx':
        this.lists.set(key, [String(value), ...list]);
        return list.length + 1;
      case 'rename':
        this.lists.delete(key);
        this.lists.set(value, list);
        this.waiting.get(value)?.();
        return 'OK';
      case 'lrange':
        return [...list];
      default:
        return 0;
    }
  }
}

/** Runs lowered JSON with the original's conductor: the loop of its controller, actions by `invoke`. */
export async function runOriginal(compiled: object, params: Json, invoke: Invoke): Promise<Json> {
  const redis = new Redis();
  const commands = ['lpush', 'lpushx', 'expire', 'rename', 'lrange', 'del'];
  const client: any = redis;
  for (const command of commands) {
    client[command] = (...args: any[]) => args.pop()(null, redis.call(command, args));
  }
  const brpop = redis.brpopAsync.bind(redis);
  client.brpop = (...args: any[]) => {
    const done = args.pop();
    void brpop(args[0]).then((value) => done(null, value));
  };
  let branches = 0;
  const loop = async (input: Json): Promise<Json> => {
    const next = await main(input);
    if (next.action === undefined) return next.params ?? next;
    const result = ((await invoke(next.action, copy(next.params))) ?? {}) as Json;
    return loop({ ...copy(result), ...copy(next.state) });
  };
  const modules: Record<string, unknown> = {
    openwhisk: () => ({
      actions: {
        invoke: ({ params: input }: { params: Json }) => {
          void loop(copy(input));
          return Promise.resolve({ activationId: `branch${branches++}` });
        },
      },
    }),
    redis: { createClient: () => client },
    'redis-commands': { list: [...commands, 'brpop'] },
    uuid: { v4: () => `barrier${branches++}` },
  };
  const { code } = generate({ name: 'composition', ast: {}, version: '0', ...compiled }).action.exec;
  const quiet = { log: () => {}, error: () => {} };
  const env = { __OW_DEADLINE: String(Date.now() + 3_600_000), __OW_ACTION_NAME: 'composition' };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the code of an action
  const make = new Function('require', 'console', 'process', `${code}\nreturn main`) as (...args: any[]) => any;
  const main = make((name: string) => modules[name] ?? require(name), quiet, { env });
  return loop({ ...copy(params), $composer: { redis: { uri: 'memory' } } });
}
