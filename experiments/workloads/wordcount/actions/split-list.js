'use strict';

const { parts } = require('./parts.js');

/** The same parts as `split` makes, as text, all at once: what Composer's `map` wants. */
exports.main = async function splitList(params) {
  const value = [];
  for await (const text of parts(params)) value.push({ text: text.toString() });
  return { value };
};
