/** Tells in which process it runs, after `ms` milliseconds: as many at once run in as many containers. */
function main({ ms = 0 }) {
  return new Promise((resolve) => setTimeout(() => resolve({ pid: process.pid }), ms));
}
