/** Texts of this project for users whose action runs in an OpenWhisk runtime. */
export const OpenWhiskRuntimeText = {
  notListening: (image: string, ms: number): string =>
    `The container of the image '${image}' did not listen on port 8080 within ${ms} milliseconds.`,
  cannotEmit: (port: string): string =>
    `The graph wires the port '${port}' of this action, but its image has no emit: only the runtimes of this platform have more outputs than 'out'.`,
  noSteps: 'Inline functions of a composition need a runtime of this platform: the image has none.',
  inputTooLarge: (bytes: number, limitBytes: number): string =>
    `The input of the action is larger than its image may be sent: ${bytes} > ${limitBytes} bytes. Only the runtimes of this platform take larger ones.`,
  unreadable: (detail: string): string => `The response of the action could not be read: ${detail}.`,
} as const;
