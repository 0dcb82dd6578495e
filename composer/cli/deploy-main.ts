import { deploy } from './deploy.js';
import { runMain } from './outcome.js';

await runMain(deploy);
