/** Sets the variables that /init brings: text as it is, JSON for an object, nothing for what is falsy. */
export function setInitEnvironment(env: unknown): void {
  if (typeof env !== 'object' || env === null) return;
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'object' && value !== null) process.env[name] = JSON.stringify(value);
    else process.env[name] = value ? String(value) : '';
  }
}

/**
 * Sets the variables of one activation: `__OW_<KEY>` for every text beside `value`. Of runs at once each sees those of
 * the run that began last, as in OpenWhisk.
 */
export function setRunEnvironment(message: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(message)) {
    if (key !== 'value' && typeof value === 'string') process.env[`__OW_${key.toUpperCase()}`] = value;
  }
}
