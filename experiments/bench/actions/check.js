const PAGE = 4096;

/** Checks every page of `data` and tells how long it took since `at`, in nanoseconds. The data stays its own. */
function main({ data, at }) {
  if (!Buffer.isBuffer(data)) return { error: 'The data did not come as bytes.' };
  for (let page = 0; page * PAGE < data.length; page++) {
    if (data.readDoubleBE(page * PAGE) !== page) return { error: `Page ${page} is not what was sent.` };
  }
  const ns = Number(process.hrtime.bigint()) - at;
  data[0] = 0xff;
  return { ns, bytes: data.length };
}
