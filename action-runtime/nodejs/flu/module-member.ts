/** The member of a module that a dotted name means; an ES module's default export stands in for a missing one. */
export function memberOf(module: Record<string, unknown>, name: string): unknown {
  const direct = walk(module, name);
  if (direct !== undefined || !('default' in module)) return direct;
  const inDefault = walk(module['default'], name);
  if (inDefault !== undefined) return inDefault;
  return name === 'main' && typeof module['default'] === 'function' ? module['default'] : undefined;
}

function walk(from: unknown, name: string): unknown {
  let at = from;
  for (const part of name.split('.')) {
    if (at === null || at === undefined) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}
