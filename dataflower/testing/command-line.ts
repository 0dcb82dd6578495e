import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '@dataflower/common/testing';
import { runProgram } from '../cli/program.js';
import { startTestServer, type TestServer } from './server.js';

export interface CommandRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `dataflower` in this process. */
export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandRun> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runProgram(args, {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    environment: { PATH: process.env.PATH, ...environment },
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

/** The command line with a server that has the action `echo`, and a directory for files. */
export interface CommandLine {
  readonly server: TestServer;
  /** The home directory of `run`. */
  readonly directory: string;
  /** Runs `dataflower`, by default with the server's address and key in the environment. */
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<CommandRun>;
  /** Writes a file into the directory, JSON of values that are no text; gives its path. */
  file(name: string, content: unknown): Promise<string>;
  close(): Promise<void>;
}

export async function startCommandLine(): Promise<CommandLine> {
  const server = await startTestServer();
  const directory = await temporaryDirectory();
  await server.action('echo');
  const connection = { __OW_API_HOST: server.url, __OW_API_KEY: server.auth };
  return {
    server,
    directory,
    run: (args, environment = connection) => runCommand(args, { HOME: directory, ...environment }),
    file: async (name, content) => {
      const path = join(directory, name);
      const isFileContent = typeof content === 'string' || Buffer.isBuffer(content);
      await writeFile(path, isFileContent ? content : JSON.stringify(content));
      return path;
    },
    close: async () => {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}
