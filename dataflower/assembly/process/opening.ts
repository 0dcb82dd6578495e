import type { Logger } from 'pino';
import { type CloseStack, openAll } from '@dataflower/common';

/** Opens the parts of a process; when that fails, the parts that were opened are closed, and the log names those that cannot be. */
export function opening<T>(log: Logger, open: (stack: CloseStack) => Promise<T>): Promise<T> {
  return openAll(open, (err) => log.error({ err }, 'a part that was started cannot be stopped'));
}
