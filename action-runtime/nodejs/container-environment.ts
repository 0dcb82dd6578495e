/**
 * glibc puts large buffers into huge pages where the kernel has them: the first access to 64 MiB takes a fifth of the time.
 * The C library reads it when the process starts.
 */
const HUGE_PAGES = 'glibc.malloc.hugetlb=1';

/** Text that V8 writes on stderr before it aborts a process whose heap is full. */
export const HEAP_EXHAUSTED = 'JavaScript heap out of memory';

/**
 * Variables with which a driver starts the runtime. The runtime deletes them, so that user code and its children do not
 * inherit them.
 *
 * @param memoryMiB Memory limit of the action, which is also the limit of the JavaScript heap.
 * @param directory Where the runtime keeps unpacked code.
 */
export function runtimeEnvironment({ memoryMiB, directory }: { memoryMiB: number; directory: string }): {
  readonly [name: string]: string;
} {
  return {
    GLIBC_TUNABLES: HUGE_PAGES,
    NODE_OPTIONS: `--max-old-space-size=${memoryMiB}`,
    __DF_DIRECTORY: directory,
  };
}

/**
 * Variables that lead the runtime to its agent.
 *
 * @param address The agent's socket for this container, as the container sees it: a path, or `tcp:key@host:port`.
 * @param token The secret for its HELLO.
 */
export function agentEnvironment(address: string, token: string): { readonly [name: string]: string } {
  return { __DF_SOCKET: address, __DF_TOKEN: token };
}
