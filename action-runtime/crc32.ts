import zlib from 'node:zlib';

/** zlib's CRC-32, continued from `previous`. Node has it since 20.15. */
export const crc32: (bytes: Uint8Array, previous?: number) => number =
  (zlib as { crc32?: (bytes: Uint8Array, previous?: number) => number }).crc32 ?? crc32ByTable;

const TABLE = makeTable();

/** The same in JavaScript, for older releases of Node. */
export function crc32ByTable(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function makeTable(): Int32Array {
  const table = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    table[n] = c;
  }
  return table;
}
