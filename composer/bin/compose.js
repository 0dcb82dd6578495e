#!/usr/bin/env node
import { compose } from '../dist/cli/compose.js';
import { runMain } from '../dist/cli/outcome.js';

await runMain(compose);
