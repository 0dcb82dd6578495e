import { doBodyWork } from './body-work.js';

test("a workflow's own parameters lie below its payload", () => {
  const many = `[${'[],'.repeat(400_000)}[]]`;
  const below = '{"a":"below","b":"kept"}';
  const laid = doBodyWork({ type: 'payload', bytes: Buffer.from(`{"a":${many}}`), finalKeys: [], below });
  expect(laid).toEqual({ type: 'payload', bytes: expect.any(Uint8Array) });
  expect(Buffer.from((laid as { bytes: Uint8Array }).bytes).toString() === `{"b":"kept","a":${many}}`).toBe(true);
});
