'use strict';

const { createReadStream, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { Readable } = require('node:stream');

const SPACE = 0x20;
const NEW_LINE = 0x0a;

/** Where the last word that is surely whole ends. */
function lastBreak(bytes) {
  return Math.max(bytes.lastIndexOf(SPACE), bytes.lastIndexOf(NEW_LINE));
}

/** The texts to read: `text` itself, the .txt files of the folder `dir`, or the books that came with this code. */
function* sources({ text, dir }, partBytes) {
  if (text !== undefined) {
    const bytes = Buffer.from(text);
    const cuts = Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, i) => i * partBytes);
    yield Readable.from(cuts.map((from) => bytes.subarray(from, from + partBytes)));
    return;
  }
  const folder = dir ?? join(__dirname, 'books');
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  if (names.length === 0) throw new Error(`There is no .txt file in ${folder}.`);
  for (const name of names.sort()) yield createReadStream(join(folder, name), { highWaterMark: partBytes });
}

/**
 * Reads text and yields it in parts of about `partBytes` bytes, as it comes from the disk. A part ends between two
 * words, so that no word is counted in halves.
 */
async function* parts({ partBytes = 65536, ...source } = {}) {
  for (const stream of sources(source, partBytes)) {
    let rest = Buffer.alloc(0);
    for await (const chunk of stream) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = lastBreak(bytes) + 1;
      if (end > 0) yield Buffer.from(bytes.subarray(0, end));
      rest = bytes.subarray(end);
    }
    if (rest.length > 0) yield Buffer.from(rest);
  }
}

module.exports = { parts };
