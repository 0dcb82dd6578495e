/**
 * A payload over parameters that lie below it, as JSON: `given` is what `body` says. The body goes in as it is written, for its
 * numbers may have more digits than JavaScript keeps.
 */
export function laidOver(
  below: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  body: Buffer,
): Buffer {
  const kept = Object.entries(below).filter(([name]) => !Object.hasOwn(given, name));
  if (body.length === 0) return Buffer.from(JSON.stringify(below));
  if (kept.length === 0) return body;
  const head = JSON.stringify(Object.fromEntries(kept)).slice(0, -1);
  const separator = Object.keys(given).length === 0 ? '' : ',';
  return Buffer.concat([Buffer.from(head + separator), body.subarray(body.indexOf('{') + 1)]);
}
