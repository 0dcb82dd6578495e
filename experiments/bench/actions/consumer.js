/** Tells how long after the producer's `emit` it starts, in nanoseconds, and how much it got. */
function main({ at, data }) {
  return { ns: Number(process.hrtime.bigint()) - at, bytes: data === undefined ? 0 : data.length };
}
