import { type Logger, pino } from 'pino';

/** Structured log lines on standard error; `component` names the process. */
export function createLogger(level: string, component: 'standalone' | 'plugin' | 'shim'): Logger {
  return pino({ level, base: { component } }, pino.destination({ fd: 2, sync: true }));
}
