import { createServer } from 'node:http';

// The cost of an idle server without any function: the baseline of `idle`.
createServer().listen(0, '127.0.0.1', () => process.send!({}));
