import { endOnSignals, isEnding } from '../platform/cleanup.js';
import { UsageError } from '../platform/usage-error.js';
import { type Platform, startPlatform } from '../platform/platform.js';
import { defaultLibrary, libraryIn } from '../workloads/wordcount/books.js';
import { type DemoArguments, parseDemoArguments, USAGE } from './arguments.js';
import { runDemo } from './demo.js';
import { progress } from './progress.js';
import { report } from './report.js';

const DEFAULT_WIDTH = 100;

async function demo({ json, input, server }: DemoArguments): Promise<number> {
  const library = input === undefined ? defaultLibrary() : libraryIn(input);
  let platform: Platform | undefined;
  try {
    if (server === undefined) platform = await progress('Starting the platform', startPlatform);
    const result = await runDemo(server ?? platform!, library);
    const { book, words, counts, responseMs, timeline } = result;
    if (json) process.stdout.write(`${JSON.stringify({ book, words, counts, responseMs, timeline })}\n`);
    else process.stdout.write(report(result, Math.min(process.stdout.columns ?? DEFAULT_WIDTH, 140)));
    for (const line of json ? result.differences.slice(0, 10) : []) process.stderr.write(`Not equal: ${line}\n`);
    return result.differences.length === 0 ? 0 : 1;
  } finally {
    await platform?.stop();
  }
}

async function main(): Promise<number> {
  const args = parseDemoArguments(process.argv.slice(2), process.env);
  if (!args.help) return demo(args);
  process.stdout.write(`${USAGE}\n`);
  return 0;
}

endOnSignals();
main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    if (isEnding()) return;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
