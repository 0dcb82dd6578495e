#!/usr/bin/env node
import { runServices } from './program.js';

process.exitCode = await runServices(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: process.stderr,
});
