export { type LocalPipeOptions, createLocalPipe } from './local-pipe.js';
export {
  type Pipe,
  PipeClosedError,
  type Tag,
  type Token,
  type TokenContext,
  type TokenEnvironment,
  type TokenReceiver,
} from './pipe.js';
