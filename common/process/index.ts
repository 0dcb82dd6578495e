export {
  firstWritable,
  makePrivateDirectory,
  makeShortDirectory,
  removeLeftBehind,
  shortNameBytes,
} from './private-directory.js';
export {
  type ProcessIdentity,
  identityText,
  isAlive,
  ownIdentity,
  parseIdentity,
  processIdentity,
} from './process-identity.js';
