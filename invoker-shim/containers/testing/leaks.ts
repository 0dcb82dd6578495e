const KINDS = new Set([
  'PipeWrap',
  'PipeConnectWrap',
  'PipeServerWrap',
  'ProcessWrap',
  'TCPSocketWrap',
  'TCPServerWrap',
  'Timeout',
]);

/** Sockets, servers, child processes and timers that this process has open now. */
export function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => KINDS.has(kind));
}
