import { CONTAINER_DEFAULTS } from '@dataflower/invoker-shim/defaults';
import { z } from 'zod';
import { optionalList, whole } from './keys.js';

const MAX_MS = 2_147_483_647;

/** Keys of `containers` for the share of a namespace, and for containers without work: used ones, and pre-warmed ones. */
export const poolKeys = {
  namespaceShare: whole(CONTAINER_DEFAULTS.namespaceShare, 1, 100, {
    about:
      'Percent of `containers.max` and `containers.memoryMiB` that one namespace may have. The rest is for namespaces that have no container; several that want more share evenly. 100 keeps nothing back.',
    whenToChange:
      'The first calls of a namespace wait while others run long functions: lower it. One namespace has the host for itself: 100.',
  }),
  idleMs: whole(CONTAINER_DEFAULTS.idleMs, 0, MAX_MS, {
    about: 'How long an unused container is kept, in milliseconds.',
    whenToChange: 'Cold starts are frequent: raise it. Idle containers hold memory: lower it.',
  }),
  pauseAfterMs: whole(CONTAINER_DEFAULTS.pauseAfterMs, 0, MAX_MS, {
    about:
      'After how long an unused container is paused, in milliseconds: it keeps its memory and uses no processor. Only with Docker; an idle child process uses none anyway.',
    whenToChange:
      'The first call after a while takes some 50 ms more: raise it. Code that goes on in the background between calls uses the processor: lower it.',
  }),
  prewarm: optionalList(
    'with Docker two of `nodejs:20` with 256 MiB, with child processes none',
    {
      kind: z.string().min(1),
      memoryMiB: z.int().min(1).max(1e9),
      count: z.int().min(0).max(10_000),
      keepAliveMs: z.int().min(0).max(MAX_MS).optional(),
    },
    '`{kind, memoryMiB, count}`, with `keepAliveMs` where they are to go after so long without a cold start',
    {
      about:
        'Containers that are started before a function needs them, for any action of that kind and memory limit; each serves one action. They count in `containers.max` and `containers.memoryMiB`, and are the first to give way.',
      whenToChange:
        'First calls of new actions take long: name their kind and memory. They hold memory that nobody uses: lower the count, or set `keepAliveMs`.',
    },
  ),
  prewarmReplaceMs: whole(CONTAINER_DEFAULTS.prewarmReplaceMs, 0, MAX_MS, {
    about:
      'How long after its use a pre-warmed container is replaced, when nothing else starts or waits, in milliseconds.',
    whenToChange: 'Bursts of new actions find none left: lower it. Starting them slows down what runs: raise it.',
  }),
};
