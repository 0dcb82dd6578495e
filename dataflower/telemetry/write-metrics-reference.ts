import { metricsPage } from './metrics-reference.js';

process.stdout.write(metricsPage());
