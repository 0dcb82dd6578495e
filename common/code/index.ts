export { CachedCode, firstOf } from './cached-code.js';
export {
  type ActionCode,
  type CodeReference,
  type CodeSource,
  type ContainerSource,
  loadSource,
} from './code-source.js';
