export { type LocalPipeOptions, createLocalPipe } from './local-pipe.js';
export type { Pipe, Tag, Token, TokenReceiver } from './pipe.js';
export { PipeClosedError } from './pipe-closed-error.js';
