import type { Transitions } from '../transitions.js';

/**
 * STARTING: until its HELLO. INITIALIZING: until it is READY; a pre-warmed one waits here for its function.
 * READY: it takes runs. STOPPING: its connection is closed, its process is being ended. STOPPED: nothing is left of it.
 */
export type ContainerState = 'STARTING' | 'INITIALIZING' | 'READY' | 'STOPPING' | 'STOPPED';

export const CONTAINER_TRANSITIONS: Transitions<ContainerState> = {
  STARTING: ['INITIALIZING', 'STOPPING'],
  INITIALIZING: ['READY', 'STOPPING'],
  READY: ['STOPPING'],
  STOPPING: ['STOPPED'],
  STOPPED: [],
};
