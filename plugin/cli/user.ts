import { Command } from 'commander';
import { Subjects } from '../auth/subjects.js';
import { loadConfig } from '../config/index.js';
import { addUser, userJson, USERS_PATH } from '../server/admin.js';
import { DirectoryInUseError, openEntities, prepareDataDirectory, readRunning } from '../standalone/data-directory.js';
import { CommandError, type Terminal } from './outcome.js';

interface Options {
  readonly data?: string;
  readonly config?: string;
  readonly json?: true;
}

interface User {
  readonly name: string;
  readonly authorization: string;
}

/** Works on the data directory; when a server has that, through the server. */
export function userCommand(terminal: Terminal): Command {
  const show = (users: readonly User[], single: boolean, { json }: Options): void => {
    if (json) terminal.out(JSON.stringify(single ? users[0] : users));
    else for (const user of users) terminal.out(`${user.name} ${user.authorization}`);
  };
  const add = common(new Command('add').argument('<name>', 'of the user and of the namespace'))
    .description('Make a user with a namespace of its own, and print its key.')
    .action(async (name: string, options: Options) => {
      const user = await onUsers(options, terminal, async (subjects) => userJson(await addUser(subjects, name)), {
        name,
      });
      show([user as User], true, options);
    });
  const list = common(new Command('list'))
    .description('Print the users and their keys.')
    .action(async (options: Options) => {
      const users = await onUsers(
        options,
        terminal,
        (subjects) => Promise.resolve(subjects.list().map(userJson)),
        undefined,
      );
      show(users as User[], false, options);
    });
  return new Command('user').description('Manage users and their namespaces.').addCommand(add).addCommand(list);
}

function common(command: Command): Command {
  return command
    .option('--data <directory>', 'data directory of the server (default ~/.dataflower)')
    .option('--config <file>', 'configuration of the server')
    .option('--json', 'print JSON');
}

async function onUsers(
  options: Options,
  terminal: Terminal,
  work: (subjects: Subjects) => Promise<unknown>,
  body: object | undefined,
): Promise<unknown> {
  const { dataDir } = loadConfig({
    file: options.config,
    environment: terminal.environment,
    overrides: { dataDir: options.data },
  });
  await prepareDataDirectory(dataDir);
  try {
    const store = await openEntities(dataDir);
    try {
      return await work(await Subjects.open(store));
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof DirectoryInUseError) return askServer(dataDir, body, error);
    throw error;
  }
}

async function askServer(dataDir: string, body: object | undefined, inUse: DirectoryInUseError): Promise<unknown> {
  const running = await readRunning(dataDir);
  if (running === undefined) throw inUse;
  const response = await fetch(running.url + USERS_PATH, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${running.operatorKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) throw new CommandError((answer as { error: string }).error);
  return answer;
}
