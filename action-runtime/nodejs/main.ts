import './flu/heap-limit.js';
import { startFlu } from './flu/start.js';
/**
 * What runs in a container: with `__DF_SOCKET` FLU and DLU for a host agent, else OpenWhisk's /init and /run. The agent's
 * variables are taken out of the environment: user code and what it starts need none of them. They are no secret from it,
 * because the kernel keeps what the process was started with (/proc/self/environ). The token is worth nothing to it either:
 * it is good for one HELLO, which was said before any user code came.
 */
const {
  __DF_SOCKET: socket,
  __DF_TOKEN: token = '',
  __DF_DIRECTORY: directory,
  __DF_HTTP_PORT: port = '8080',
} = process.env;
delete process.env['__DF_SOCKET'];
delete process.env['__DF_TOKEN'];
delete process.env['__DF_DIRECTORY'];
delete process.env['__DF_HTTP_PORT'];
// How this process gets its memory; what it starts has its own needs.
delete process.env['GLIBC_TUNABLES'];

if (socket !== undefined) {
  startFlu(socket, token, directory);
}
// Only who needs it loads it: a cold start pays for every module.
else void import('./http/start.js').then(({ startHttp }) => startHttp(Number(port), directory));
