import { readRunning, type RunningServer } from '../assembly/process/data-directory.js';
import { CommandError } from './outcome.js';

/** Calls the operator API of a server on this machine, with the key from its data directory. */
export async function askOperator(running: RunningServer, path: string, body?: object): Promise<unknown> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(running.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${running.operatorKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    answer = await response.json();
  } catch (cause) {
    throw new CommandError(
      `The server at ${running.url} (process ${running.pid}) does not answer: has it ended?`,
      'COMMAND_FAILED',
      {
        cause,
      },
    );
  }
  if (!response.ok) throw new CommandError((answer as { error: string }).error);
  return answer;
}

/** The running server of a data directory. Throws `CommandError` when there is none. */
export async function runningServer(dataDir: string): Promise<RunningServer> {
  const running = await readRunning(dataDir);
  if (running !== undefined && isAlive(running.pid)) return running;
  const ended = running === undefined ? '' : ` (process ${running.pid} has crashed or was killed)`;
  throw new CommandError(
    `No server uses ${dataDir}${ended}: start \`dataflower standalone\` or \`dataflower plugin\`, or name another data directory with --data or --config.`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
