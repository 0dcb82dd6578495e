/** Checks that all values are there and in order, and tells how many. */
function main(items) {
  const wrong = items.findIndex((item, i) => item.i !== i);
  return wrong === -1 ? { n: items.length } : { error: `Item ${wrong} is not where it belongs.` };
}
