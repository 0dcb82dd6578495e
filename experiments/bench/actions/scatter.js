const AHEAD = 64;

/** Emits `n` small values. */
async function main({ n }, context) {
  for (let i = 0; i < n; i++) {
    const taken = context.emit('item', { i });
    if (i % AHEAD === AHEAD - 1) await taken;
  }
  return {};
}
