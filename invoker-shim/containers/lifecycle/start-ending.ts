import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec } from '../executor.js';
import { type ContainerExit, ImageError } from '../drivers/driver.js';
import { OpenWhiskRuntimeText } from '../openwhisk-runtime/failure-texts.js';

/** A failure before INIT is not the action's: the next container may succeed. */
export function beforeInit(ending: ContainerEnding): ContainerEnding {
  if (ending.kind === 'PROTOCOL') return { kind: 'NOT_STARTED', detail: ending.detail };
  if (ending.kind === 'DIED') return { kind: 'NOT_STARTED', detail: ending.detail ?? 'it ended' };
  return ending;
}

/**
 * The same for an image without this project's runtime. Its server is the developer's program, so a server that does not
 * listen is the action's failure, and another container would not succeed either.
 */
export function foreignBeforeInit(
  ending: ContainerEnding,
  spec: ContainerSpec,
  helloTimeoutMs: number,
): ContainerEnding {
  if (ending.kind !== 'NOT_STARTED') return ending;
  return { kind: 'INIT_FAILED', text: OpenWhiskRuntimeText.notListening(spec.image ?? spec.kind, helloTimeoutMs) };
}

/** The driver could not start the container. */
export function notStarted(error: Error): ContainerEnding {
  const { message } = error;
  return error instanceof ImageError ? { kind: 'NO_IMAGE', text: message } : { kind: 'NOT_STARTED', detail: message };
}

/** How the container's process ended, in words. */
export function exitDetail({ code, signal }: ContainerExit): string {
  return signal === null ? `it exited with code ${code ?? '?'}` : `it ended by ${signal}`;
}
