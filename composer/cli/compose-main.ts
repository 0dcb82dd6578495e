import { compose } from './compose.js';
import { runMain } from './outcome.js';

await runMain(compose);
