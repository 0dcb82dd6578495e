#!/usr/bin/env node
import '../dist/cli/compose-main.js';
