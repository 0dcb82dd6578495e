import { Command } from 'commander';
import type { Terminal } from './outcome.js';
import type { User, UsersAt } from './users.js';

interface Options extends UsersAt {
  readonly json?: true;
}

export function userCommand(terminal: Terminal): Command {
  const show = (users: readonly User[], single: boolean, { json }: Options): void => {
    if (json) terminal.out(JSON.stringify(single ? users[0] : users));
    else for (const user of users) terminal.out(`${user.name} ${user.authorization}`);
  };
  const add = common(new Command('add').argument('<name>', 'name of the user and of the namespace'))
    .description('Create a user with a namespace of its own, and print its key.')
    .action(async (name: string, options: Options) => {
      const { addUserAt } = await import('./users.js');
      show([await addUserAt(options, terminal, name)], true, options);
    });
  const list = common(new Command('list'))
    .description('Print the users and their keys.')
    .action(async (options: Options) => {
      const { listUsersAt } = await import('./users.js');
      show(await listUsersAt(options, terminal), false, options);
    });
  return new Command('user').description('Manage users and their namespaces.').addCommand(add).addCommand(list);
}

function common(command: Command): Command {
  return command
    .option('--data <directory>', 'data directory of the server (default ~/.dataflower)')
    .option('--config <file>', 'configuration of the server')
    .option('--json', 'print JSON');
}
