#!/usr/bin/env node
import { hideEnvironment } from './hidden-environment.js';
import { runProgram } from './program.js';

hideEnvironment(process.env);
process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  environment: process.env,
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
});
