import './flu/heap-limit.js';
import { startFlu } from './flu/start.js';
/**
 * The program of a container. With `__DF_SOCKET` it starts FLU and DLU for a host agent, else it serves OpenWhisk's /init and
 * /run. The agent's variables are deleted from the environment, since user code and its children need none of them. They stay
 * readable to user code in /proc/self/environ; the token is useless there, because it is valid for one HELLO, which is sent
 * before any user code is loaded.
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
// It applies to this process only, not to its children.
delete process.env['GLIBC_TUNABLES'];

if (socket !== undefined) {
  startFlu(socket, token, directory);
}
// Loaded only when it is needed: a cold start pays for every module.
else void import('./http/start.js').then(({ startHttp }) => startHttp(Number(port), directory));
