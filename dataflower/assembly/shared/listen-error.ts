import { StartError } from './start-error.js';

/** Why nothing can listen at an address, with what to do; `settings` says where port and host are set. */
export function listenError(
  cause: unknown,
  { host, port }: { readonly host: string; readonly port: number },
  settings: { readonly port: string; readonly host: string },
): StartError {
  const { code } = cause as NodeJS.ErrnoException;
  const told = (text: string): StartError => new StartError(text, { cause });
  if (code === 'EADDRINUSE')
    return told(`The port ${port} of ${host} is in use: stop what uses it, or choose another with ${settings.port}.`);
  if (code === 'EACCES')
    return told(`The port ${port} may not be used by this user: choose one from 1024 on with ${settings.port}.`);
  return told(
    `Cannot listen on ${host}, port ${port} (${code ?? String(cause)}): choose another address with ${settings.host}.`,
  );
}
