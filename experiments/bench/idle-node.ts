import { createServer } from 'node:http';

// What an idle server costs that does nothing at all: the baseline of `idle`.
createServer().listen(0, '127.0.0.1', () => process.send!({}));
