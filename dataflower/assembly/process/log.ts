import { type DestinationStream, type Logger, pino } from 'pino';
import { QuietRepeats } from './quiet-repeats.js';

/** Paths of log fields that may hold a secret. */
const SECRETS = ['authorization', 'auth', 'password', 'secret', 'token', 'operatorKey', 'apiKey'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/**
 * Writes structured log lines to standard error; the field `process` names the process, `component` a part of it. A message
 * that is repeated often is left out and counted (`QuietRepeats`); secrets are redacted.
 */
export function createLogger(
  level: string,
  component: 'standalone' | 'plugin' | 'shim' | 'store',
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  const repeats = new QuietRepeats();
  return pino(
    {
      level,
      base: { process: component },
      redact: { paths: SECRETS, censor: '[redacted]' },
      hooks: {
        logMethod(args, method, levelNumber) {
          // Lines of the levels `debug` and `trace` are never left out.
          const suppressed =
            levelNumber < pino.levels.values['info']! ? 0 : repeats.look(`${messageOf(args)} ${reasonOf(args)}`);
          if (suppressed === undefined) return;
          if (suppressed > 0) Reflect.apply(method, this, [{ ...fieldsOf(args), suppressed }, messageOf(args)]);
          else Reflect.apply(method, this, args);
        },
      },
    },
    destination,
  );
}

function messageOf(args: readonly unknown[]): string {
  return args.find((argument): argument is string => typeof argument === 'string') ?? '';
}

/** The same message with another reason counts as another message. */
function reasonOf(args: readonly unknown[]): string {
  const { detail, reason } = fieldsOf(args) as { detail?: unknown; reason?: unknown };
  const text = detail ?? reason;
  return typeof text === 'string' ? text.slice(0, 200) : '';
}

function fieldsOf([first]: readonly unknown[]): object {
  if (first instanceof Error) return { err: first };
  return typeof first === 'object' && first !== null ? first : {};
}
