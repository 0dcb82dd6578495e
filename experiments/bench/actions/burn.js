/** Burns a core for `ms` milliseconds and tells in which process. */
function main({ ms }) {
  const end = Date.now() + ms;
  while (Date.now() < end);
  return { pid: process.pid };
}
