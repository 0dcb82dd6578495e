import { type Logger, pino } from 'pino';

/** Structured log lines on standard error. */
export function createLogger(level: string): Logger {
  return pino({ level, base: { component: 'plugin' } }, pino.destination({ fd: 2, sync: true }));
}
