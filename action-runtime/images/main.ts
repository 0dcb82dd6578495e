#!/usr/bin/env node
import { runImages } from './command.js';

process.exitCode = await runImages(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: process.stderr,
});
