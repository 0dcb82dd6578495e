'use strict';

const { parts } = require('./parts.js');

/**
 * Cuts a text into parts and hands each over as bytes while it reads on: a counter starts with the first part, not with
 * the last. Parameters: `text`, or `dir` (a folder of .txt files), or nothing for the books in this archive; `partBytes`.
 */
exports.main = async function split(params, context) {
  if (context?.emit === undefined) {
    return { error: 'This action hands its parts over while it runs; use split-list where there is no data flow.' };
  }
  let count = 0;
  for await (const text of parts(params)) {
    await context.emit('part', { text });
    count++;
  }
  return { parts: count };
};
