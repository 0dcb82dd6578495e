import { type DestinationStream, type Logger, pino } from 'pino';
import { QuietRepeats } from './quiet-repeats.js';

/** Fields that may hold a secret, wherever they stand in what is logged. */
const SECRETS = ['authorization', 'auth', 'password', 'secret', 'token', 'operatorKey', 'apiKey'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/**
 * Structured log lines on standard error; `process` says which one it is, and `component` the part of it. One message at most so many times in a while, however
 * often it happens (`QuietRepeats`), and no secrets.
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
          // What is asked for by `debug` and `trace` is asked for in full.
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

/** The same message for another reason is another one. */
function reasonOf(args: readonly unknown[]): string {
  const { detail, reason } = fieldsOf(args) as { detail?: unknown; reason?: unknown };
  const text = detail ?? reason;
  return typeof text === 'string' ? text.slice(0, 200) : '';
}

function fieldsOf([first]: readonly unknown[]): object {
  if (first instanceof Error) return { err: first };
  return typeof first === 'object' && first !== null ? first : {};
}
