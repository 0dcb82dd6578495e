const PAGE = 4096;

/** Makes `bytes` bytes whose pages begin with their number, and tells when they were ready. */
function main({ bytes }) {
  const data = Buffer.alloc(bytes, 1);
  for (let at = 0; at < bytes; at += PAGE) data.writeDoubleBE(at / PAGE, at);
  return { data, at: Number(process.hrtime.bigint()) };
}
