import { StoreUnavailableError } from '../stores/entity-store.js';
import { asApiError } from './api-error.js';

const systemError = (code: string): Error => Object.assign(new Error(`${code}: of /var/lib/some/where`), { code });

test.each([
  ['ENOSPC', 'is full'],
  ['EDQUOT', 'has used up its quota'],
  ['EROFS', 'can only be read'],
])(
  '%s, whatever it was thrown as, is 503 with a time to come back, says that the disk %s, and names no path',
  (code, is) => {
    for (const [error, disk] of [
      [systemError(code), 'the server'],
      [new Error('the container was not started', { cause: systemError(code) }), 'the server'],
      [new StoreUnavailableError(systemError(code)), 'the entities'],
    ] as const) {
      const { status, message, headers } = asApiError(error);
      expect(status).toBe(503);
      expect(message).toBe(
        `The server is currently unavailable (because it is overloaded or down for maintenance). The disk of ${disk} ${is}.`,
      );
      expect(headers).toEqual(['Retry-After', expect.stringMatching(/^[1-9]\d*$/)]);
    }
  },
);

test('an error that causes itself, and any other, is OpenWhisk’s internal error', () => {
  const error = new Error('round');
  error.cause = error;
  for (const thrown of [error, systemError('ENOENT'), 'text', undefined])
    expect(asApiError(thrown)).toMatchObject({ status: 500, message: 'There was an internal server error.' });
});
