import { fileURLToPath } from 'node:url';

/** Path of the program that runs in a container, for drivers that start it as a process. */
export const runtimeEntry: string = fileURLToPath(new URL('./main.js', import.meta.url));
