/** Messages of the protocol (PROTOCOL.md): 1–15 gateway to host, 16–31 host to gateway, 32–47 either way. */
export const MessageType = {
  HELLO: 1,
  TARGET: 2,
  FORGET: 3,
  START: 4,
  RESUME: 5,
  LASTING: 6,
  WELCOME: 16,
  REJECT: 17,
  ANSWER: 18,
  LOST: 19,
  ENDED: 20,
  BEAT: 32,
  BYE: 33,
  REQUEST: 34,
  REPLY: 35,
} as const;
