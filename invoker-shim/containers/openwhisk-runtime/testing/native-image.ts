import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

/**
 * A program that behaves as OpenWhisk's image for executables. `/init` writes the action's code, if any, to `/action/exec`;
 * `/run` starts that with the parameters as its argument, and its last line of output is the result.
 */
const EXECUTABLE = '/action/exec';
const MARKER = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';

interface Message {
  readonly value: { readonly code?: string; readonly binary?: boolean };
}

function init({ value: { code, binary } }: Message): string {
  if (code !== undefined)
    writeFileSync(EXECUTABLE, code, { encoding: binary === true ? 'base64' : 'utf8', mode: 0o755 });
  return '{"ok":true}';
}

async function run({ value }: Message): Promise<string> {
  const child = spawn(EXECUTABLE, [JSON.stringify(value)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  const lines = output.trimEnd().split('\n');
  const result = lines.pop()!;
  for (const line of lines) process.stdout.write(`${line}\n`);
  return result;
}

createServer((request, response) => {
  void json(request)
    .then((message) => (request.url === '/init' ? init(message as Message) : run(message as Message)))
    .catch((error: unknown) => JSON.stringify({ error: String(error) }))
    .then((body) => {
      if (request.url === '/run') {
        process.stdout.write(MARKER);
        process.stderr.write(MARKER);
      }
      response.writeHead(200, { 'Content-Length': Buffer.byteLength(body) }).end(body);
    });
}).listen(8080);
