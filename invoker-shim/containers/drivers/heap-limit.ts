/** Text that V8 writes on stderr before it ends a process whose heap is full. */
export const HEAP_EXHAUSTED = 'JavaScript heap out of memory';

/**
 * `NODE_OPTIONS` for our runtime: the heap of a function is as large as its memory limit, and is collected with a view to
 * that. The runtime takes it out of the environment again.
 */
export function heapLimit(memoryMiB: number): string {
  return `--max-old-space-size=${memoryMiB}`;
}
