import { once } from 'node:events';
import { createServer } from 'node:net';
import { until } from '@dataflower/common/testing';

/** A loopback address that nobody else takes: a port of it can be listened on once, and is free again when its process ends. */
const ADDRESS = '127.213.77.10';
const PORT = 4747;
/** Another run has it for one test file. */
const TURN_MS = 1_200_000;

/** How long a hook may take that waits for its turn, in ms. */
export const HOOK_MS = TURN_MS + 300_000;

/**
 * Waits until no other run on this machine has what there is once only, such as well-known addresses; gives what lets the next
 * one have it.
 */
export async function machineTurn(): Promise<() => Promise<void>> {
  const server = createServer();
  const listens = async (): Promise<boolean> => {
    const listening = once(server, 'listening');
    server.listen(PORT, ADDRESS);
    try {
      await listening;
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
      throw error;
    }
  };
  await until(listens, { what: 'another run of these tests to be over', withinMs: TURN_MS });
  return async () => {
    server.close();
    await once(server, 'close');
  };
}
