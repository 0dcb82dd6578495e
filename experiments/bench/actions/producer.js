const now = () => Number(process.hrtime.bigint());

/**
 * Emits a value `samples` times; after each it burns the CPU for `ms` milliseconds, or only waits when `idle`, so that
 * nothing but the data logic unit can carry the value on. The value has `bytes` bytes beside its time.
 */
async function main({ samples, ms, idle, bytes }, context) {
  for (let i = 0; i < samples; i++) {
    const data = bytes === undefined ? {} : { data: Buffer.alloc(bytes, i) };
    const taken = context.emit('value', { at: now(), ...data });
    if (idle) await new Promise((resolve) => setTimeout(resolve, ms));
    else for (const end = Date.now() + ms; Date.now() < end;);
    await taken;
  }
  return {};
}
