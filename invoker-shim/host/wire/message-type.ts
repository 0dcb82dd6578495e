/** Messages of every connection (PROTOCOL.md). All other numbers below 32 are left to what a connection is used for. */
export const WireMessage = {
  HELLO: 1,
  WELCOME: 16,
  REJECT: 17,
  BEAT: 32,
  BYE: 33,
  REQUEST: 34,
  REPLY: 35,
} as const;
