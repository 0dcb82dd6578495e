import { WireMessage } from '../wire/message-type.js';

/** Messages between gateway and host (PROTOCOL.md): 1–15 gateway to host, 16–31 host to gateway, 32–47 either way. */
export const MessageType = {
  ...WireMessage,
  TARGET: 2,
  FORGET: 3,
  START: 4,
  RESUME: 5,
  LASTING: 6,
  ANSWER: 18,
  LOST: 19,
  ENDED: 20,
} as const;
