export { createServerInTurn } from './requests-in-turn.js';
export { Turns } from './turns.js';
export { type HeaderRule, HttpRelay, type HttpRelayOptions, type RelayRefusal } from './relay.js';
export { HostCheck, isLoopback } from './host-check.js';
export {
  ApiError,
  inOtherCollection,
  internalError,
  malformed,
  malformedQuery,
  methodNotAllowed,
  noSuchEntity,
  noSuchRoute,
  notAuthenticated,
  notEntitled,
  overloaded,
  tooLarge,
  unavailable,
  unsupportedContentType,
} from './refusals.js';
export { JSON_HEADERS, sendError, sendJson, sendText } from './reply.js';
export { takeTarget, takeTransactionId } from './request-head.js';
