#!/usr/bin/env node
import { deploy } from '../dist/cli/deploy.js';
import { runMain } from '../dist/cli/outcome.js';

await runMain(deploy);
