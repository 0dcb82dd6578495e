/** The variables that /init brings: text as it is, nothing for null, JSON for what is not text. */
export function initEnvironment(env: unknown): Record<string, string> {
  const variables: Record<string, string> = {};
  if (typeof env !== 'object' || env === null) return variables;
  for (const [name, value] of Object.entries(env)) variables[name] = textOf(value);
  return variables;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The variables of one activation: `__OW_<KEY>` for every text beside `value`. */
export function runEnvironment(message: Record<string, unknown>): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(message)) {
    if (key !== 'value' && typeof value === 'string') variables[`__OW_${key.toUpperCase()}`] = value;
  }
  return variables;
}
